//! What lies among people's pictures and is none of them.

/// Files and folders that systems and programs make, in lower case.
const OF_SYSTEMS: [&str; 20] = [
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "$recycle.bin",
    "system volume information",
    "icon\r",
    "__macosx",
    ".ds_store",
    ".appledouble",
    ".localized",
    ".spotlight-v100",
    ".trashes",
    ".fseventsd",
    ".directory",
    "lost+found",
    "@eadir",
    "#recycle",
    "__pycache__",
    ".git",
];
/// How many names a message has of files that are left out.
const NAMED: usize = 3;

/// Whether a path, whose parts `/` or `\` divide, is or lies in what a system or a program made for
/// itself.
pub fn is_of_a_system(path: &str) -> bool {
    let made = |part: &str| {
        part.starts_with("._") || OF_SYSTEMS.contains(&part.to_ascii_lowercase().as_str())
    };
    path.split(['/', '\\']).any(made)
}

/// Whether a path is or lies in what is no data: made by a system, or hidden.
pub fn is_clutter(path: &str) -> bool {
    is_of_a_system(path) || path.split(['/', '\\']).any(|part| part.starts_with('.'))
}

/// A sentence that counts files which were left out and names the first; `None` if there are none.
pub fn left_out(files: &[String]) -> Option<String> {
    let names = files.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = match files.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match files.len() {
        0 => None,
        1 => Some(format!("1 file is no picture and was left out: {names}.")),
        count => Some(format!("{count} files are no pictures and were left out: {names}{more}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_leave_is_no_data() {
        for path in [
            "Thumbs.db",
            "5/THUMBS.DB",
            "5\\desktop.ini",
            "__MACOSX/5/._a.png",
            "._a.png",
            "a/.DS_Store",
            "photos/@eaDir/a.png",
            "x/__pycache__/y.pyc",
        ] {
            assert!(is_of_a_system(path) && is_clutter(path), "{path}");
        }
        for path in [".hidden", ".ipynb_checkpoints/a.png"] {
            assert!(is_clutter(path) && !is_of_a_system(path), "{path}");
        }
        for path in ["5/a.png", "thumbs/a.png", "5/a.b.png", "_/a.png", "%2E/a.png"] {
            assert!(!is_clutter(path), "{path}");
        }
    }

    #[test]
    fn files_that_are_left_out_are_counted_and_named_once() {
        let named = |count: usize| {
            left_out(&(0..count).map(|i| format!("{i}.txt")).collect::<Vec<_>>())
                .unwrap_or_default()
        };
        assert_eq!(named(0), "");
        assert_eq!(named(1), "1 file is no picture and was left out: 0.txt.");
        let many = "5 files are no pictures and were left out: 0.txt, 1.txt, 2.txt and 2 more.";
        assert_eq!(named(5), many);
    }
}
