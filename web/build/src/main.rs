//! Compiles `web/wasm` and writes the files that browsers load to `web/wasm/built/`: `glyphic.js` and
//! `glyphic_bg.wasm`, which read drawings, and `pictures.js` and `pictures_bg.wasm`, which read pictures
//! too and are loaded with the first picture. The server embeds them from there.
//!
//! ```sh
//! cargo run --release -p glyphic-web              # build
//! cargo run --release -p glyphic-web -- --check   # fail if the files there are out of date
//! ```
//!
//! The files are in the repository, so that the server builds on a machine that has
//! only its own target. The same sources and compiler give the same bytes wherever the
//! repository is. If the compiler is not the recorded one, the check says that it
//! compared nothing.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
/// Where the built files are kept, below `web/`.
const FOLDER: &str = "wasm/built";
/// The modules, and the features of `web/wasm` that each has.
const MODULES: [(&str, &str); 2] = [("glyphic", ""), ("pictures", "pictures")];
/// Names the compiler that built them.
const COMPILER_FILE: &str = "glyphic.rustc";

fn main() -> Result<()> {
    let check = match env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("unknown argument '{other}': the only option is --check"),
    };
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let root = web.join("..").canonicalize()?;
    let folder = web.join(FOLDER);
    let built: Vec<_> = MODULES
        .iter()
        .map(|(name, features)| build(&root, name, features))
        .collect::<Result<Vec<_>>>()?
        .concat();
    let compiler = compiler()?;
    if !check {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        for (name, content) in &built {
            fs::write(folder.join(name), content)
                .with_context(|| format!("cannot write web/{FOLDER}/{name}"))?;
        }
        fs::write(folder.join(COMPILER_FILE), &compiler)
            .with_context(|| format!("cannot write web/{FOLDER}/{COMPILER_FILE}"))?;
        return Ok(());
    }
    let recorded = fs::read_to_string(folder.join(COMPILER_FILE)).unwrap_or_default();
    if recorded != compiler {
        let (recorded, compiler) = (recorded.trim(), compiler.trim());
        println!("NOT COMPARED: web/{FOLDER} was built by {recorded}, this is {compiler}.");
        return Ok(());
    }
    for (name, content) in &built {
        let kept = fs::read(folder.join(name))
            .with_context(|| format!("cannot read web/{FOLDER}/{name}"))?;
        ensure!(
            &kept == content,
            "web/{FOLDER}/{name} is out of date: run `cargo run --release -p glyphic-web`"
        );
    }
    println!("web/{FOLDER} is up to date with the sources.");
    Ok(())
}

/// Builds a module's script and code from the sources with the installed compiler.
fn build(root: &Path, name: &str, features: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let target_folder = root.join("target").join("web");
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let home = cargo_home()?;
    // Panic messages contain the paths of source files. The folders of this machine are
    // replaced, or each machine would build other bytes. If several prefixes match, the
    // last one wins.
    let folders = [(home.clone(), "/cargo"), (root.to_owned(), "/glyphic")];
    let crates = sources(&home)?.into_iter().map(|folder| (folder, "/crates"));
    let remapped = folders.into_iter().chain(crates);
    let mut flags = vec!["-Ctarget-feature=+simd128".to_owned()];
    flags.extend(remapped.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())));
    let status = Command::new(cargo)
        .current_dir(root)
        .args(["build", "--locked", "-p", "glyphic-wasm", "--profile", "web", "--target", TARGET])
        .args(["--features", features])
        .arg("--target-dir")
        .arg(&target_folder)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .status()
        .context("cannot run cargo")?;
    ensure!(
        status.success(),
        "web/wasm could not be compiled; if the target is missing, run: rustup target add {TARGET}"
    );
    let module = target_folder.join(TARGET).join("web").join("glyphic_wasm.wasm");
    let output = target_folder.join("bindings");
    Bindgen::new()
        .input_path(module)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name(name)
        .generate(&output)?;
    let (script, code) = (format!("{name}.js"), format!("{name}_bg.wasm"));
    let text = without_comments(&fs::read_to_string(output.join(&script))?);
    let bytes = fs::read(output.join(&code))?;
    Ok(vec![(script, text.into_bytes()), (code, bytes)])
}

/// The generated script without the doc comments copied from the Rust code, indentation, empty lines
/// and spaces around operators: browsers would download them for nothing.
fn without_comments(script: &str) -> String {
    let mut lines = Vec::new();
    let mut in_comment = false;
    for line in script.lines() {
        in_comment |= line.trim_start().starts_with("/**");
        if !in_comment && !line.trim().is_empty() {
            lines.push(without_spaces(line.trim()));
        }
        in_comment &= !line.trim_end().ends_with("*/");
    }
    lines.join("\n") + "\n"
}

/// A line of a script without the spaces that separate no words. A line with a text in it is left
/// as it is.
fn without_spaces(line: &str) -> String {
    if line.contains(['"', '\'', '`']) {
        return line.to_owned();
    }
    let characters: Vec<char> = line.chars().collect();
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    // `a + +b` must not become `a ++b`.
    let separates = |before: char, after: char| {
        (in_word(before) && in_word(after)) || (before == after && matches!(before, '+' | '-'))
    };
    let kept = characters.iter().enumerate().filter(|&(i, &c)| {
        let neighbours = (i.checked_sub(1).map(|i| characters[i]), characters.get(i + 1).copied());
        let (Some(before), Some(after)) = neighbours else { return true };
        c != ' ' || separates(before, after)
    });
    kept.map(|(_, c)| *c).collect()
}

fn cargo_home() -> Result<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| env::home_dir().map(|home| home.join(".cargo"))).context("no home folder")
}

/// The folders in which cargo keeps the sources of crates, one for each registry.
fn sources(home: &Path) -> Result<Vec<PathBuf>> {
    let all = home.join("registry").join("src");
    let folders = fs::read_dir(&all).with_context(|| format!("cannot read {}", all.display()))?;
    let mut paths: Vec<PathBuf> =
        folders.map(|folder| Ok(folder?.path())).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn compiler() -> Result<String> {
    let output = Command::new("rustc").arg("-V").output().context("cannot run rustc")?;
    Ok(String::from_utf8(output.stdout)?)
}
