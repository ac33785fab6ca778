//! What others must not get: passwords in a database's URL, this server's environment, and where
//! files are on this machine. Nothing in here knows what it is used for.

use std::{env, ffi::OsString, path::Path};

use glyphic_runtime::device::TOKEN_VARIABLE;
use sqlx::any::AnyConnectOptions;

use crate::memory;

/// The schemes of databases.
const SCHEMES: [&str; 3] = ["sqlite", "postgres", "postgresql"];
/// Parameters of a database's URL that are secrets have one of these in their names.
const SECRET_PARAMETERS: [&str; 4] = ["pass", "secret", "token", "key"];
/// The folders of an artifacts folder, with which relative paths begin.
const FOLDERS: [&str; 7] =
    ["artifacts", "audits", "checkpoints", "data", "datasets", "jobs", "runs"];
/// What stands in the place of what is not shown.
const HIDDEN: &str = "…";

/// Variables that a child process needs, none of which is a secret: where programs, libraries and
/// folders are, how texts are written, which graphics cards may be used, and what Windows needs.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TMP",
    "TEMP",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "DYLD_LIBRARY_PATH",
    "GLIBC_TUNABLES",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "DRI_PRIME",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "USERPROFILE",
];
/// The same, by the beginning of their names: settings of locales, folders, Rust, threads, memory
/// and of what is between burn and a graphics card.
const PASSED_ON_BY_BEGINNING: &[&str] = &[
    "LC_", "XDG_", "RUST_", "RAYON_", "TOKIO_", "MALLOC_", "VK_", "WGPU_", "CUBECL_", "BURN_",
    "MESA_", "LIBGL_", "LP_",
];

/// A database's URL as logs and errors may show it: without a user, a password and parameters.
pub fn shown_url(url: &str) -> String {
    let has = |scheme: &&str| url.strip_prefix(scheme).is_some_and(|rest| rest.starts_with(':'));
    let Some(scheme) = SCHEMES.into_iter().find(|scheme| has(scheme)) else {
        return HIDDEN.to_owned();
    };
    if scheme == "sqlite" {
        // A file has no user and no password; who gives them anyway does not want them shown.
        let file = url.split('?').next().unwrap_or_default();
        return match file.rsplit_once('@') {
            None => file.to_owned(),
            Some((_, rest)) => format!("sqlite://{HIDDEN}@{rest}"),
        };
    }
    let hidden = format!("{scheme}://{HIDDEN}");
    let Ok(AnyConnectOptions { database_url: parsed, .. }) = url.parse() else { return hidden };
    // A '/', '?' or '#' that is not escaped in a password ends the host too early: then the '@' that
    // should stand before the host comes after it.
    let rest = [Some(parsed.path()), parsed.query(), parsed.fragment()];
    if rest.into_iter().flatten().any(|part| part.contains('@')) {
        return hidden;
    }
    let port = parsed.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{scheme}://{}{port}{}", parsed.host_str().unwrap_or_default(), parsed.path())
}

/// A driver's message about the database at `url`, without its secrets.
pub fn without_secrets(message: &str, url: &str) -> String {
    let mut message = match url {
        "" => message.to_owned(),
        url => message.replace(url, HIDDEN),
    };
    let Ok(AnyConnectOptions { database_url: parsed, .. }) = url.parse() else { return message };
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        SECRET_PARAMETERS.iter().any(|part| name.contains(part))
    };
    let parameters = parsed.query_pairs().filter(|(name, _)| is_secret(name));
    let secrets = parsed.password().map(str::to_owned).into_iter();
    for secret in secrets.chain(parameters.map(|(_, value)| value.into_owned())) {
        if !secret.is_empty() {
            message = message.replace(&secret, HIDDEN);
        }
    }
    message
}

/// What a child process gets of this process's environment: of all variables only those that it is
/// known to need. `borrows` if it computes on devices that others lend, for which it needs a token.
pub fn environment(borrows: bool) -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os().filter(move |(name, _)| {
        name.to_str().is_some_and(|name| {
            let passed_on = is_passed_on(name) || (borrows && name == TOKEN_VARIABLE);
            passed_on && !memory::is_set_here(name)
        })
    })
}

fn is_passed_on(name: &str) -> bool {
    // Windows does not tell upper from lower case.
    let name = name.to_ascii_uppercase();
    PASSED_ON.contains(&name.as_str())
        || PASSED_ON_BY_BEGINNING.iter().any(|beginning| name.starts_with(beginning))
}

/// A message for everybody: `…` stands in the place of each path. `known` are paths that the
/// message may name; only of those it is known where they end if they have spaces in them.
pub fn without_paths(message: &str, known: &[&Path]) -> String {
    let mut text = message.to_owned();
    for path in known.iter().filter(|path| path.components().count() > 1) {
        text = text.replace(&*path.to_string_lossy(), HIDDEN);
    }
    let text: String = text.split_inclusive(char::is_whitespace).map(without_path).collect();
    match text == message {
        true => text,
        false => format!("{text} (the server's log names the paths)"),
    }
}

/// A word without its path.
fn without_path(word: &str) -> String {
    let around = |c: char| c.is_whitespace() || "\"'`()[]{}<>,.;:".contains(c);
    let inner = word.trim_matches(around);
    if is_path(inner) { word.replacen(inner, HIDDEN, 1) } else { word.to_owned() }
}

/// Whether a word, without what is around it, is a path or a URL. A label may have a slash in it
/// too, as in `a/b`, `1/2` or `km/h`: a word with one slash is a path only if it begins like one, or
/// in one of this program's folders, or ends like the name of a file.
fn is_path(word: &str) -> bool {
    let separators = ['/', '\\'];
    if !word.contains(separators) || !word.contains(char::is_alphabetic) {
        return false;
    }
    let begins = word.starts_with(separators) || word.starts_with('~') || word.starts_with(HIDDEN);
    // After a drive's letter, a scheme or a name, as in `C:\\x`, `ws://x`, `data=/x`.
    let goes_on = [":/", ":\\", "=/", "=\\"].iter().any(|part| word.contains(part));
    let mut parts = word.split(separators);
    let of_ours = parts.next().is_some_and(|first| FOLDERS.contains(&first));
    let is_file =
        parts.next_back().and_then(|last| last.rsplit_once('.')).is_some_and(|(name, ending)| {
            let letters = ending.chars().all(|c| c.is_ascii_alphanumeric());
            !name.is_empty() && letters && (2..=8).contains(&ending.len())
        });
    begins || goes_on || of_ours || is_file || word.matches(separators).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_shown_without_what_may_be_secret() {
        for (url, shown) in [
            ("sqlite:///var/lib/glyphic.db?mode=rwc", "sqlite:///var/lib/glyphic.db"),
            ("sqlite::memory:", "sqlite::memory:"),
            ("sqlite://ana:secret@/var/lib/x.db?mode=rw", "sqlite://…@/var/lib/x.db"),
            ("sqlite://ana:sec@ret@x.db", "sqlite://…@x.db"),
            ("postgres://ana:secret@db.example:5433/glyphic", "postgres://db.example:5433/glyphic"),
            ("postgresql://db/glyphic?password=secret&user=ana", "postgresql://db/glyphic"),
            ("postgres:///glyphic?host=/run/postgresql&PASSWORD=secret", "postgres:///glyphic"),
            ("postgres://ana:s%2Fecret@[::1]/glyphic", "postgres://[::1]/glyphic"),
            // Passwords that are not escaped.
            ("postgres://ana:s/ecret@db/glyphic", "postgres://…"),
            ("postgres://ana:1?secret@db/glyphic", "postgres://…"),
            ("postgres://ana:12#secret@db/glyphic", "postgres://…"),
            ("postgres://ana:se@cret@db/glyphic", "postgres://db/glyphic"),
            ("mysql://ana:secret@db/glyphic", "…"),
            ("secret", "…"),
        ] {
            assert_eq!(shown_url(url), shown, "{url}");
        }
    }

    #[test]
    fn what_a_driver_says_has_no_password() {
        let url = "postgres://ana:word-1@db/glyphic?password=word-2&sslPassWord=word-3&sslmode=odd";
        let said = format!("cannot use {url}: word-1, word-2, word-3; unknown value \"odd\"");
        assert_eq!(without_secrets(&said, url), "cannot use …: …, …, …; unknown value \"odd\"");
        assert_eq!(without_secrets("is no secret", "nonsense"), "is no secret");
    }

    #[test]
    fn of_the_environment_only_what_is_needed_is_passed_on() {
        for name in ["PATH", "Path", "HOME", "LC_ALL", "RUST_BACKTRACE", "VK_ICD_FILENAMES"] {
            assert!(is_passed_on(name), "{name}");
        }
        for name in [
            "GLYPHIC_ADMIN_TOKEN",
            "DATABASE_URL",
            "PGPASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "AZURE_STORAGE_ACCOUNT_KEY",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "NVIDIA_API_KEY",
            TOKEN_VARIABLE,
        ] {
            assert!(!is_passed_on(name), "{name}");
        }
    }

    #[test]
    fn a_message_for_everybody_names_no_path() {
        let known = Path::new("/srv/my data");
        for (message, shown) in [
            (
                "no data at /srv/my data/mnist: give --data a folder",
                "no data at …: give --data a folder",
            ),
            ("the program [\"/no/such/program\"] cannot start", "the program [\"…\"] cannot start"),
            ("cannot read 'C:\\data\\x', or runs/x.bpk.", "cannot read '…', or …."),
            ("remote:ws://10.0.0.7:8090 does not answer", "… does not answer"),
            ("cannot make jobs/a1, nor ../x or ~/x", "cannot make …, nor ..… or …"),
            ("cannot read --data=/x, my/own/data, set/train.csv", "cannot read …, …, …"),
        ] {
            let expected = format!("{shown} (the server's log names the paths)");
            assert_eq!(without_paths(message, &[known]), expected);
            // What was stored already is not changed again.
            assert_eq!(without_paths(&expected, &[]), expected);
        }
        for plain in [
            "it reads 3/4 of 12 held-back samples (75 %), its parent 2; and serves now",
            "the data has the labels a/b 1/2 km/h and/or n/a.; 'w/o' is new",
        ] {
            assert_eq!(without_paths(plain, &[known, Path::new("artifacts")]), plain);
        }
    }
}
