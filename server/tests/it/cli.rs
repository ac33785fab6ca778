//! The command line: one tree of commands.

use clap::{CommandFactory, Parser};
use glyphic_server::cli::{Cli, Command};

#[test]
fn the_help_shows_every_command_and_the_flags_of_serving() {
    let mut command = Cli::command();
    command.clone().debug_assert();
    let help = command.render_long_help().to_string();
    for name in ["train", "page", "push", "probe", "--addr"] {
        assert!(help.contains(name), "{name} is missing in {help}");
    }
}

#[test]
fn everything_after_train_is_for_the_trainer() {
    for arguments in
        [vec!["--help"], vec!["--epochs", "3"], vec!["finetune", "--from", "x"], vec!["-V"], vec![]]
    {
        let line = ["server", "train"].into_iter().chain(arguments.iter().copied());
        match Cli::try_parse_from(line).unwrap().command {
            Some(Command::Train(train)) => assert_eq!(train.arguments, arguments),
            other => panic!("{arguments:?}: {other:?}"),
        }
    }
}

#[test]
fn without_a_command_it_serves() {
    let cli = Cli::try_parse_from(["server", "--addr", "127.0.0.1:0"]).unwrap();
    assert!(cli.command.is_none());
    assert_eq!(cli.config.addr.port(), 0);
}
