// The elements of the panel "How it was read", made when it is opened first.

import { t } from "./words.js";

const page = () => `
<ol class="steps" id="steps" data-part="steps">
  <li><canvas id="step-ink" width="112" height="112" role="img" aria-label="${t`The ink in its bounding box`}"></canvas><span class="of-ink"><b>${t`Your ink`}</b> ${t`cropped to its bounding box`}</span><span class="of-whole"><b>${t`The picture`}</b> ${t`as it is`}</span></li>
  <li class="of-ink"><canvas id="step-box" width="20" height="20" role="img" aria-label="${t`20 by 20 pixels`}"></canvas><b>20 × 20</b> ${t`scaled, line width included`}</li>
  <li><canvas id="step-framed" width="28" height="28" role="img" aria-label="${t`28 by 28 pixels`}"></canvas><b>28 × 28</b> <span class="of-ink">${t`centred by its centre of mass (the dot)`}</span><span class="of-whole">${t`scaled`}</span></li>
  <li><canvas id="step-heat" width="28" height="28" role="img" aria-label="${t`Which ink mattered`}"></canvas><b>${t`What mattered`}</b> ${t`orange ink is evidence for the label, blue ink against it`}</li>
</ol>

<section class="stroke" id="stroke" hidden aria-labelledby="stroke-title">
  <h3 id="stroke-title">${t`How the answer changed as you drew`}</h3>
  <p class="hint">${t`The higher a colour, the likelier its label at that moment. Where there is no colour, it looked like no label yet. Drag along the strip: everything on this panel goes back to that moment.`}</p>
  <div class="along">
    <canvas id="stroke-ink" class="plain" aria-hidden="true"></canvas>
    <div>
      <div class="touch"><canvas id="strip" class="plain" aria-hidden="true"></canvas><span id="strip-cursor"></span></div>
      <input type="range" id="scrub" min="0" max="1" value="1" aria-label="${t`The moment while drawing`}">
      <p class="hint row"><button type="button" class="small" id="replay-stroke">${t`Play`}</button> <span id="scrub-text"></span></p>
    </div>
  </div>
</section>

<section aria-labelledby="path-title" data-part="way">
  <h3 id="path-title">${t`The strongest path from the ink to the answer`}</h3>
  <p class="hint">${t`Each picture is the map that added most to the orange pixel of the next one. The white frame is the patch that this pixel looked at.`} <span id="path-text"></span></p>
  <ol class="path" id="path"></ol>
  <div class="whole-sum">
    <h4 id="path-sum-title"></h4>
    <ol class="logits" id="path-sum" aria-labelledby="path-sum-title"></ol>
  </div>
</section>

<section class="inspect" data-part="inspect" aria-labelledby="layers-title">
  <h3 id="layers-title">${t`Every map, to touch`}</h3>
  <p class="hint">${t`Point at a pixel of any map: the patch that it looked at lights up in the layer before and on your drawing. Click it for the numbers. Nobody designed these filters: the network learned them in training.`}</p>
  <div class="layers" id="layers"></div>
  <div class="look" id="look">
    <div class="touch glyph-light"><canvas id="look-glyph" width="28" height="28" role="img" aria-label="${t`What the pixel looked at, on the glyph`}"></canvas></div>
    <div class="squares">
      <figure><canvas id="sum-patch" role="img" aria-label="${t`The patch`}"></canvas><table aria-label="${t`The patch`}"><tbody id="numbers-patch"></tbody></table><figcaption>${t`patch`}</figcaption></figure>
      <span aria-hidden="true">×</span>
      <figure><canvas id="sum-kernel" role="img" aria-label="${t`The filter's weights`}"></canvas><table aria-label="${t`The filter's weights`}"><tbody id="numbers-kernel"></tbody></table><figcaption>${t`kernel`}</figcaption></figure>
      <span aria-hidden="true">=</span>
      <figure><canvas id="sum-terms" role="img" aria-label="${t`The products`}"></canvas><table aria-label="${t`The products`}"><tbody id="numbers-terms"></tbody></table><figcaption>${t`products`}</figcaption></figure>
    </div>
    <div class="says">
      <p id="look-name"></p>
      <p id="look-sum"><span class="term"><b></b><small></small></span><span class="term"><b></b><small></small></span><span class="term"><b></b><small></small></span><span class="equals"><b></b><small></small></span><span class="relu" id="look-end"></span></p>
      <p class="row"><span id="input-step"><button type="button" class="small" id="input-before" aria-label="${t`Previous map`}">‹</button> <span id="input-name"></span> <button type="button" class="small" id="input-next" aria-label="${t`Next map`}">›</button></span>
        <button type="button" class="small" id="open-sum" aria-expanded="false">${t`Show the numbers`}</button> <button type="button" class="small" id="silence">${t`Silence this map`}</button></p>
      <p class="visually-hidden" id="look-aloud" role="status"></p>
    </div>
  </div>
</section>

<div class="pair" data-part="pair">
  <section class="mind" id="mind" data-state="idle" aria-labelledby="mind-title">
    <h3 id="mind-title">${t`What would change its mind`}</h3>
    <p class="hint">${t`A search tries dots of a pen, and keeps the one that brings another answer nearest for the least ink. Orange ink is added, blue ink is removed.`}</p>
    <div class="row">
      <label for="mind-target">${t`Make it read`}</label> <select id="mind-target"></select>
      <button type="button" id="mind-search">${t`Search`}</button>
    </div>
    <canvas id="mind-picture" width="28" height="28" role="img" aria-labelledby="mind-text"></canvas>
    <p id="mind-text" role="status"></p>
  </section>

  <section class="broken" id="broken" data-state="whole" aria-labelledby="broken-title">
    <h3 id="broken-title">${t`Break it`}</h3>
    <p class="hint">${t`Silence maps or add noise, and watch the answer. The marks show the whole network's answer.`}</p>
    <div class="row">
      <button type="button" id="silence-path">${t`Silence the first map of the path`}</button>
      <button type="button" id="mend" disabled>${t`Mend it`}</button>
    </div>
    <p class="row noise"><label for="noise">${t`Noise`}</label> <input type="range" id="noise" min="0" max="100" value="0"> <output id="noise-value" for="noise"></output></p>
    <div class="row chips-row" id="silenced" role="group" aria-label="${t`Silenced maps`}"></div>
    <ol class="bars" id="broken-bars" aria-label="${t`Probability of each label`}"></ol>
    <p id="broken-text" role="status"></p>
  </section>
</div>

<div class="nearest" id="nearest" hidden>
  <h3>${t`The nearest training examples`}</h3>
  <p class="hint">${t`The training examples that the network's last layer finds most similar to your drawing.`}</p>
  <ol id="nearest-list"></ol>
</div>
<p class="hint" id="calibrated"></p>`;

const inside = document.createElement("div");
inside.className = "inside";
inside.innerHTML = page();

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = "insight.css";
const styled = new Promise((done) => {
  style.onload = style.onerror = done;
});
document.head.append(style);
await styled;
document.getElementById("insight").append(inside);
