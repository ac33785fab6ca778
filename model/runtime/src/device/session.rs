//! The session's folder, which graphics drivers look for.

/// Starts this program anew with `XDG_RUNTIME_DIR`, in the same process, if it is not set: where
/// nobody has logged in, as in containers and services, Vulkan's drivers otherwise complain of it
/// on standard error whenever adapters are looked for. Call it first: a program cannot change its
/// own environment safely later. If it cannot be started anew, it goes on.
pub fn with_session_folder() {
    #[cfg(all(feature = "gpu", target_os = "linux"))]
    {
        use std::{env, os::unix::process::CommandExt, process::Command};

        const SESSION: &str = "XDG_RUNTIME_DIR";
        let mut arguments = env::args_os();
        if env::var_os(SESSION).is_some() {
            return;
        }
        if let (Ok(program), Some(name)) = (env::current_exe(), arguments.next()) {
            let mut command = Command::new(program);
            command.arg0(name).args(arguments).env(SESSION, env::temp_dir());
            let _failed = command.exec();
        }
    }
}
