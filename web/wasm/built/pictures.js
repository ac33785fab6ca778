export class Insides{
static __wrap(ptr){
const obj=Object.create(Insides.prototype);
obj.__wbg_ptr=ptr;
InsidesFinalization.register(obj,obj.__wbg_ptr,obj);
return obj;
}
__destroy_into_raw(){
const ptr=this.__wbg_ptr;
this.__wbg_ptr=0;
InsidesFinalization.unregister(this);
return ptr;
}
free(){
const ptr=this.__destroy_into_raw();
wasm.__wbg_insides_free(ptr,0);
}
contributions(){
const ret=wasm.insides_contributions(this.__wbg_ptr);
var v1=getArrayF32FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*4,4);
return v1;
}
look(pixels,silenced){
let ptr0,len0,ptr1,len1;
try{
ptr0=passArray8ToWasm0(pixels,wasm.__wbindgen_malloc);
len0=WASM_VECTOR_LEN;
ptr1=passArray32ToWasm0(silenced,wasm.__wbindgen_malloc);
len1=WASM_VECTOR_LEN;
}catch(e){
if(ptr1){wasm.__wbindgen_free(ptr1,len1*4,4);}
if(ptr0){wasm.__wbindgen_free(ptr0,len0*1,1);}
throw e;
}
const ret=wasm.insides_look(this.__wbg_ptr,ptr0,len0,ptr1,len1);
if(ret[3]){
throw takeFromExternrefTable0(ret[2]);
}
var v3=getArrayF32FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*4,4);
return v3;
}
path(label){
const ret=wasm.insides_path(this.__wbg_ptr,label);
var v1=getArrayF32FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*4,4);
return v1;
}
product(layer,map,place){
const ret=wasm.insides_product(this.__wbg_ptr,layer,map,place);
var v1=getArrayF32FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*4,4);
return v1;
}
rejects(){
const ret=wasm.insides_rejects(this.__wbg_ptr);
return ret!==0;
}
seek(pixels,target){
const val2=+(isLikeNone(target)?Number.MAX_SAFE_INTEGER:(target)>>>0);
const ptr0=passArray8ToWasm0(pixels,wasm.__wbindgen_malloc);
const len0=WASM_VECTOR_LEN;
const ret=wasm.insides_seek(this.__wbg_ptr,ptr0,len0,val2);
if(ret[1]){
throw takeFromExternrefTable0(ret[0]);
}
}
shapes(){
const ret=wasm.insides_shapes(this.__wbg_ptr);
var v1=getArrayU32FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*4,4);
return v1;
}
step(){
const ret=wasm.insides_step(this.__wbg_ptr);
if(ret[3]){
throw takeFromExternrefTable0(ret[2]);
}
var v1=getArrayU8FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*1,1);
return v1;
}
}
if(Symbol.dispose)Insides.prototype[Symbol.dispose]=Insides.prototype.free;
export class Reader{
__destroy_into_raw(){
const ptr=this.__wbg_ptr;
this.__wbg_ptr=0;
ReaderFinalization.unregister(this);
return ptr;
}
free(){
const ptr=this.__destroy_into_raw();
wasm.__wbg_reader_free(ptr,0);
}
forget(ids){
const ptr0=passArray32ToWasm0(ids,wasm.__wbindgen_malloc);
const len0=WASM_VECTOR_LEN;
wasm.reader_forget(this.__wbg_ptr,ptr0,len0);
}
insides(){
const ret=wasm.reader_insides(this.__wbg_ptr);
if(ret[2]){
throw takeFromExternrefTable0(ret[1]);
}
return Insides.__wrap(ret[0]);
}
get labels(){
const ret=wasm.reader_labels(this.__wbg_ptr);
var v1=getArrayJsValueFromWasm0(ret[0],ret[1]);
wasm.__wbindgen_free(ret[0],ret[1]*4,4);
return v1;
}
constructor(id,manifest,weights){
let ptr0,len0,ptr1,len1,ptr2,len2;
try{
ptr0=passStringToWasm0(id,wasm.__wbindgen_malloc,wasm.__wbindgen_realloc);
len0=WASM_VECTOR_LEN;
ptr1=passArray8ToWasm0(manifest,wasm.__wbindgen_malloc);
len1=WASM_VECTOR_LEN;
ptr2=passArray8ToWasm0(weights,wasm.__wbindgen_malloc);
len2=WASM_VECTOR_LEN;
}catch(e){
if(ptr2){wasm.__wbindgen_free(ptr2,len2*1,1);}
if(ptr1){wasm.__wbindgen_free(ptr1,len1*1,1);}
if(ptr0){wasm.__wbindgen_free(ptr0,len0*1,1);}
throw e;
}
const ret=wasm.reader_new(ptr0,len0,ptr1,len1,ptr2,len2);
if(ret[2]){
throw takeFromExternrefTable0(ret[1]);
}
this.__wbg_ptr=ret[0];
ReaderFinalization.register(this,this.__wbg_ptr,this);
return this;
}
occlusion(pixels,label){
const val2=+label;
const ptr0=passArray8ToWasm0(pixels,wasm.__wbindgen_malloc);
const len0=WASM_VECTOR_LEN;
const ret=wasm.reader_occlusion(this.__wbg_ptr,ptr0,len0,val2);
if(ret[3]){
throw takeFromExternrefTable0(ret[2]);
}
var v3=getArrayF32FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*4,4);
return v3;
}
readPicture(width,height,rgba,boxes,turns){
const val3=+width;
const val4=+height;
const val5=+(isLikeNone(turns)?Number.MAX_SAFE_INTEGER:(turns)>>>0);
let ptr0,len0,ptr1,len1;
try{
ptr0=passArray8ToWasm0(rgba,wasm.__wbindgen_malloc);
len0=WASM_VECTOR_LEN;
ptr1=isLikeNone(boxes)?0:passArrayF32ToWasm0(boxes,wasm.__wbindgen_malloc);
len1=WASM_VECTOR_LEN;
}catch(e){
if(ptr1){wasm.__wbindgen_free(ptr1,len1*4,4);}
if(ptr0){wasm.__wbindgen_free(ptr0,len0*1,1);}
throw e;
}
const ret=wasm.reader_readPicture(this.__wbg_ptr,val3,val4,ptr0,len0,ptr1,len1,val5);
if(ret[2]){
throw takeFromExternrefTable0(ret[1]);
}
return Reading.__wrap(ret[0]);
}
readPixels(pixels){
const ptr0=passArray8ToWasm0(pixels,wasm.__wbindgen_malloc);
const len0=WASM_VECTOR_LEN;
const ret=wasm.reader_readPixels(this.__wbg_ptr,ptr0,len0);
if(ret[2]){
throw takeFromExternrefTable0(ret[1]);
}
return Reading.__wrap(ret[0]);
}
readStrokes(points,lengths,boxes){
let ptr0,len0,ptr1,len1,ptr2,len2;
try{
ptr0=passArrayF32ToWasm0(points,wasm.__wbindgen_malloc);
len0=WASM_VECTOR_LEN;
ptr1=passArray32ToWasm0(lengths,wasm.__wbindgen_malloc);
len1=WASM_VECTOR_LEN;
ptr2=isLikeNone(boxes)?0:passArrayF32ToWasm0(boxes,wasm.__wbindgen_malloc);
len2=WASM_VECTOR_LEN;
}catch(e){
if(ptr2){wasm.__wbindgen_free(ptr2,len2*4,4);}
if(ptr1){wasm.__wbindgen_free(ptr1,len1*4,4);}
if(ptr0){wasm.__wbindgen_free(ptr0,len0*4,4);}
throw e;
}
const ret=wasm.reader_readStrokes(this.__wbg_ptr,ptr0,len0,ptr1,len1,ptr2,len2);
if(ret[2]){
throw takeFromExternrefTable0(ret[1]);
}
return Reading.__wrap(ret[0]);
}
teach(ids,shown,pixels){
let ptr0,len0,ptr1,len1,ptr2,len2;
try{
ptr0=passArray32ToWasm0(ids,wasm.__wbindgen_malloc);
len0=WASM_VECTOR_LEN;
ptr1=passArrayJsValueToWasm0(shown,wasm.__wbindgen_malloc);
len1=WASM_VECTOR_LEN;
ptr2=passArray8ToWasm0(pixels,wasm.__wbindgen_malloc);
len2=WASM_VECTOR_LEN;
}catch(e){
if(ptr2){wasm.__wbindgen_free(ptr2,len2*1,1);}
if(ptr1){wasm.__externref_drop_slice(ptr1,len1);wasm.__wbindgen_free(ptr1,len1*4,4);}
if(ptr0){wasm.__wbindgen_free(ptr0,len0*4,4);}
throw e;
}
const ret=wasm.reader_teach(this.__wbg_ptr,ptr0,len0,ptr1,len1,ptr2,len2);
if(ret[1]){
throw takeFromExternrefTable0(ret[0]);
}
}
}
if(Symbol.dispose)Reader.prototype[Symbol.dispose]=Reader.prototype.free;
export class Reading{
static __wrap(ptr){
const obj=Object.create(Reading.prototype);
obj.__wbg_ptr=ptr;
ReadingFinalization.register(obj,obj.__wbg_ptr,obj);
return obj;
}
__destroy_into_raw(){
const ptr=this.__wbg_ptr;
this.__wbg_ptr=0;
ReadingFinalization.unregister(this);
return ptr;
}
free(){
const ptr=this.__destroy_into_raw();
wasm.__wbg_reading_free(ptr,0);
}
get json(){
let deferred1_0;
let deferred1_1;
try{
const ret=wasm.reading_json(this.__wbg_ptr);
deferred1_0=ret[0];
deferred1_1=ret[1];
return getStringFromWasm0(ret[0],ret[1]);
}finally{
wasm.__wbindgen_free(deferred1_0,deferred1_1,1);
}
}
get seen(){
const ret=wasm.reading_seen(this.__wbg_ptr);
var v1=getArrayU8FromWasm0(ret[0],ret[1]).slice();
wasm.__wbindgen_free(ret[0],ret[1]*1,1);
return v1;
}
}
if(Symbol.dispose)Reading.prototype[Symbol.dispose]=Reading.prototype.free;
export function loadPairs(bytes){
const ptr0=passArray8ToWasm0(bytes,wasm.__wbindgen_malloc);
const len0=WASM_VECTOR_LEN;
const ret=wasm.loadPairs(ptr0,len0);
if(ret[1]){
throw takeFromExternrefTable0(ret[0]);
}
}
function __wbg_get_imports(){
const import0={
__proto__:null,
__wbg_Error_208446807d0d1e30:function(arg0,arg1){
const ret=Error(getStringFromWasm0(arg0,arg1));
return ret;
},
__wbg___wbindgen_string_get_7ce8eee7fd327545:function(arg0,arg1){
const obj=arg1;
const ret = typeof(obj) === 'string' ? obj : undefined;
var ptr1=isLikeNone(ret)?0:passStringToWasm0(ret,wasm.__wbindgen_malloc,wasm.__wbindgen_realloc);
var len1=WASM_VECTOR_LEN;
getDataViewMemory0().setInt32((arg0>>>0)+4*1,len1,true);
getDataViewMemory0().setInt32((arg0>>>0)+4*0,ptr1,true);
},
__wbg___wbindgen_throw_4c88d8bf264fd984:function(arg0,arg1){
throw new Error(getStringFromWasm0(arg0,arg1));
},
__wbindgen_generic_0000000000000001:function(arg0,arg1){
// Cast intrinsic for `Ref(String) -> Externref`.
const ret=getStringFromWasm0(arg0,arg1);
return ret;
},
__wbindgen_init_externref_table:function(){
const table=wasm.__wbindgen_externrefs;
table.set(0,undefined);
table.set(1024,undefined);
table.set(1025,null);
table.set(1026,true);
table.set(1027,false);
},
};
return{
__proto__:null,
"./pictures_bg.js": import0,
};
}
const InsidesFinalization = (typeof FinalizationRegistry === 'undefined')
?{register:()=>{},unregister:()=>{}}
:new FinalizationRegistry(ptr=>wasm.__wbg_insides_free(ptr,1));
const ReaderFinalization = (typeof FinalizationRegistry === 'undefined')
?{register:()=>{},unregister:()=>{}}
:new FinalizationRegistry(ptr=>wasm.__wbg_reader_free(ptr,1));
const ReadingFinalization = (typeof FinalizationRegistry === 'undefined')
?{register:()=>{},unregister:()=>{}}
:new FinalizationRegistry(ptr=>wasm.__wbg_reading_free(ptr,1));
function addToExternrefTable0(obj){
const idx=wasm.__externref_table_alloc();
wasm.__wbindgen_externrefs.set(idx,obj);
return idx;
}
function getArrayF32FromWasm0(ptr,len){
ptr=ptr>>>0;
return getFloat32ArrayMemory0().subarray(ptr/4,ptr/4+len);
}
function getArrayJsValueFromWasm0(ptr,len){
ptr=ptr>>>0;
const mem=getDataViewMemory0();
const result=[];
for(let i=ptr;i<ptr+4*len;i+=4){
result.push(wasm.__wbindgen_externrefs.get(mem.getUint32(i,true)));
}
wasm.__externref_drop_slice(ptr,len);
return result;
}
function getArrayU32FromWasm0(ptr,len){
ptr=ptr>>>0;
return getUint32ArrayMemory0().subarray(ptr/4,ptr/4+len);
}
function getArrayU8FromWasm0(ptr,len){
ptr=ptr>>>0;
return getUint8ArrayMemory0().subarray(ptr/1,ptr/1+len);
}
let cachedDataViewMemory0=null;
function getDataViewMemory0(){
if(cachedDataViewMemory0===null||cachedDataViewMemory0.buffer.detached===true||(cachedDataViewMemory0.buffer.detached===undefined&&cachedDataViewMemory0.buffer!==wasm.memory.buffer)){
cachedDataViewMemory0=new DataView(wasm.memory.buffer);
}
return cachedDataViewMemory0;
}
let cachedFloat32ArrayMemory0=null;
function getFloat32ArrayMemory0(){
if(cachedFloat32ArrayMemory0===null||cachedFloat32ArrayMemory0.byteLength===0){
cachedFloat32ArrayMemory0=new Float32Array(wasm.memory.buffer);
}
return cachedFloat32ArrayMemory0;
}
function getStringFromWasm0(ptr,len){
ptr=ptr>>>0;
return decodeText(getUint8ArrayMemory0().subarray(ptr,ptr+len));
}
let cachedUint32ArrayMemory0=null;
function getUint32ArrayMemory0(){
if(cachedUint32ArrayMemory0===null||cachedUint32ArrayMemory0.byteLength===0){
cachedUint32ArrayMemory0=new Uint32Array(wasm.memory.buffer);
}
return cachedUint32ArrayMemory0;
}
let cachedUint8ArrayMemory0=null;
function getUint8ArrayMemory0(){
if(cachedUint8ArrayMemory0===null||cachedUint8ArrayMemory0.byteLength===0){
cachedUint8ArrayMemory0=new Uint8Array(wasm.memory.buffer);
}
return cachedUint8ArrayMemory0;
}
function isLikeNone(x){
return x===undefined||x===null;
}
function passArray32ToWasm0(arg,malloc){
const ptr=malloc(arg.length*4,4)>>>0;
getUint32ArrayMemory0().set(arg,ptr/4);
WASM_VECTOR_LEN=arg.length;
return ptr;
}
function passArray8ToWasm0(arg,malloc){
const ptr=malloc(arg.length*1,1)>>>0;
getUint8ArrayMemory0().set(arg,ptr/1);
WASM_VECTOR_LEN=arg.length;
return ptr;
}
function passArrayF32ToWasm0(arg,malloc){
const ptr=malloc(arg.length*4,4)>>>0;
getFloat32ArrayMemory0().set(arg,ptr/4);
WASM_VECTOR_LEN=arg.length;
return ptr;
}
function passArrayJsValueToWasm0(array,malloc){
const ptr=malloc(array.length*4,4)>>>0;
for(let i=0;i<array.length;i++){
const add=addToExternrefTable0(array[i]);
getDataViewMemory0().setUint32(ptr+4*i,add,true);
}
WASM_VECTOR_LEN=array.length;
return ptr;
}
function passStringToWasm0(arg,malloc,realloc){
if(realloc===undefined){
const buf=cachedTextEncoder.encode(arg);
const ptr=malloc(buf.length,1)>>>0;
getUint8ArrayMemory0().subarray(ptr,ptr+buf.length).set(buf);
WASM_VECTOR_LEN=buf.length;
return ptr;
}
let len=arg.length;
let ptr=malloc(len,1)>>>0;
const mem=getUint8ArrayMemory0();
let offset=0;
for(;offset<len;offset++){
const code=arg.charCodeAt(offset);
if(code>0x7F)break;
mem[ptr+offset]=code;
}
if(offset!==len){
if(offset!==0){
arg=arg.slice(offset);
}
ptr=realloc(ptr,len,len=offset+arg.length*3,1)>>>0;
const view=getUint8ArrayMemory0().subarray(ptr+offset,ptr+len);
const ret=cachedTextEncoder.encodeInto(arg,view);
offset+=ret.written;
ptr=realloc(ptr,len,offset,1)>>>0;
}
WASM_VECTOR_LEN=offset;
return ptr;
}
function takeFromExternrefTable0(idx){
const value=wasm.__wbindgen_externrefs.get(idx);
wasm.__externref_table_dealloc(idx);
return value;
}
let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
cachedTextDecoder.decode();
const MAX_SAFARI_DECODE_BYTES=2146435072;
let numBytesDecoded=0;
function decodeText(bytes){
numBytesDecoded+=bytes.length;
if(numBytesDecoded>=MAX_SAFARI_DECODE_BYTES){
cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
cachedTextDecoder.decode();
numBytesDecoded=bytes.length;
}
return cachedTextDecoder.decode(bytes);
}
const cachedTextEncoder=new TextEncoder();
if (!('encodeInto' in cachedTextEncoder)) {
cachedTextEncoder.encodeInto=function(arg,view){
const buf=cachedTextEncoder.encode(arg);
view.set(buf);
return{
read:arg.length,
written:buf.length
};
};
}
let WASM_VECTOR_LEN=0;
let wasmModule,wasmInstance,wasm;
function __wbg_finalize_init(instance,module){
wasmInstance=instance;
wasm=instance.exports;
wasmModule=module;
cachedDataViewMemory0=null;
cachedFloat32ArrayMemory0=null;
cachedUint32ArrayMemory0=null;
cachedUint8ArrayMemory0=null;
wasm.__wbindgen_start();
return wasm;
}
async function __wbg_load(module,imports){
if (typeof Response === 'function' && module instanceof Response) {
if(!module.ok){
throw new Error(`failed to fetch Wasm: ${module.status} ${module.statusText} fetching '${module.url}'`);
}
if (typeof WebAssembly.instantiateStreaming === 'function') {
try{
return await WebAssembly.instantiateStreaming(module,imports);
}catch(e){
const validResponse=expectedResponseType(module.type);
if (validResponse && module.headers.get('Content-Type') !== 'application/wasm') {
console.warn("`WebAssembly.instantiateStreaming` failed because your server does not serve Wasm with `application/wasm` MIME type. Falling back to `WebAssembly.instantiate` which is slower. Original error:\n", e);
}else{throw e;}
}
}
const bytes=await module.arrayBuffer();
return await WebAssembly.instantiate(bytes,imports);
}else{
const instance=await WebAssembly.instantiate(module,imports);
if(instance instanceof WebAssembly.Instance){
return{instance,module};
}else{
return instance;
}
}
function expectedResponseType(type){
switch(type){
case 'basic': case 'cors': case 'default': return true;
}
return false;
}
}
function initSync(module){
if(wasm!==undefined)return wasm;
if(module!==undefined){
if(Object.getPrototypeOf(module)===Object.prototype){
({module}=module)
}else{
console.warn('using deprecated parameters for `initSync()`; pass a single object instead')
}
}
const imports=__wbg_get_imports();
if(!(module instanceof WebAssembly.Module)){
module=new WebAssembly.Module(module);
}
const instance=new WebAssembly.Instance(module,imports);
return __wbg_finalize_init(instance,module);
}
let __wbg_init_promise;
async function __wbg_init(module_or_path){
if(wasm!==undefined)return wasm;
if(__wbg_init_promise===undefined){
__wbg_init_promise=__wbg_init_once(module_or_path);
__wbg_init_promise.catch(()=>{__wbg_init_promise=undefined;});
}
return __wbg_init_promise;
}
async function __wbg_init_once(module_or_path){
if(module_or_path!==undefined){
if(Object.getPrototypeOf(module_or_path)===Object.prototype){
({module_or_path}=module_or_path)
}else{
console.warn('using deprecated parameters for the initialization function; pass a single object instead')
}
}
const imports=__wbg_get_imports();
if (typeof module_or_path === 'string' || (typeof Request === 'function' && module_or_path instanceof Request) || (typeof URL === 'function' && module_or_path instanceof URL)) {
module_or_path=fetch(module_or_path);
}
const{instance,module}=await __wbg_load(await module_or_path,imports);
return __wbg_finalize_init(instance,module);
}
export{initSync,__wbg_init as default};
