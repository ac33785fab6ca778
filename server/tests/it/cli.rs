//! The command line: one tree of commands.

use std::{collections::BTreeSet, path::Path, time::Duration};

use clap::{CommandFactory, Parser};
use glyphic_runtime::device::DeviceChoice;
use glyphic_server::{
    cli::{Cli, Command},
    config::Artifacts,
};

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

/// All options of serving, each with a value other than its default.
const EVERY_OPTION: [&str; 39] = [
    "--addr=127.0.0.2:81",
    "--artifacts=s3://bucket/path",
    "--artifacts-copy=copy",
    "--device=gpu:3",
    "--shadow-share=0.25",
    "--admin-token=a-token-of-some-length",
    "--allow-origin=https://a.example,http://b.example:81",
    "--log-json",
    "--reject-below=0.5",
    "--unsure-below=0.75",
    "--database-url=sqlite://x.db",
    "--samples=11",
    "--samples-per-source=12",
    "--keep-days=13",
    "--keep-deleted-days=14",
    "--memory=off",
    "--train-every-samples=15",
    "--train-every-hours=16",
    "--data=digits",
    "--train-arguments=--epochs 2 --seed 7",
    "--train-device=cpu,remote:ws://there:8090",
    "--probe-addr=127.0.0.2:82",
    "--max-body-mib=17",
    "--request-memory-mib=171",
    "--answer-memory-mib=172",
    "--import-megapixels=173",
    "--samples-per-client=174",
    "--samples-mib=175",
    "--samples-mib-per-client=176",
    "--sample-kib=177",
    "--keep-originals",
    "--keep-disagreements",
    "--queue=18",
    "--max-batch=19",
    "--rate=20",
    "--behind-proxy",
    "--connections=21",
    "--connections-per-client=22",
    "--drain-seconds=23",
];

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

#[test]
fn every_option_of_serving_reaches_the_configuration() {
    let name = |option: &str| option[2..].split('=').next().unwrap().to_owned();
    let named: BTreeSet<String> = EVERY_OPTION.iter().map(|option| name(option)).collect();
    let there: BTreeSet<String> = Cli::command()
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .filter(|long| !["help", "version"].contains(&long.as_str()))
        .collect();
    assert_eq!(named, there);

    let line = ["server"].into_iter().chain(EVERY_OPTION);
    let config = Cli::try_parse_from(line).unwrap().config;
    assert_eq!(config.addr, "127.0.0.2:81".parse().unwrap());
    assert_eq!(config.probe_addr, Some("127.0.0.2:82".parse().unwrap()));
    assert_eq!(config.artifacts, Artifacts::Shared("s3://bucket/path".to_owned()));
    assert_eq!(config.folder(), Path::new("copy"));
    assert_eq!(config.device, DeviceChoice::Gpu(Some(3)));
    assert_eq!(config.shadow_share, 0.25);
    assert_eq!(config.admin_token.as_deref(), Some("a-token-of-some-length"));
    assert_eq!(config.allow_origin, ["https://a.example", "http://b.example:81"]);
    assert!(config.log_json);
    let overrides = config.thresholds;
    assert_eq!((overrides.reject_below, overrides.unsure_below), (Some(0.5), Some(0.75)));

    let training = &config.training;
    assert_eq!(training.url(Path::new("a")), "sqlite://x.db");
    assert!(!training.memory);
    let quota = training.quota();
    assert_eq!((quota.total, quota.per_source, quota.per_client), (11, 12, 174));
    assert_eq!((quota.bytes, quota.bytes_per_client), (175 << 20, 176 << 20));
    let keeping = training.keeping();
    assert_eq!((keeping.bytes, keeping.originals, keeping.disagreements), (177 << 10, true, true));
    let settings = training.settings(&config.device, vec!["trainer".to_owned()]);
    assert_eq!(settings.program, ["trainer"]);
    assert_eq!((settings.keep, settings.keep_deleted), (Some(days(13)), days(14)));
    assert_eq!(settings.every_samples, Some(15));
    assert_eq!(settings.every, Some(Duration::from_secs(16 * 3600)));
    assert_eq!(settings.data.as_deref(), Some(Path::new("digits")));
    assert_eq!(settings.arguments, ["--epochs", "2", "--seed", "7"]);
    assert_eq!(settings.device, "cpu,remote:ws://there:8090");

    let limits = &config.limits;
    assert_eq!((limits.max_body(), limits.queue, limits.max_batch), (17 << 20, 18, 19));
    assert_eq!((limits.request_memory_mib, limits.answer_memory_mib), (171, 172));
    assert_eq!(limits.import_megapixels, 173);
    assert_eq!((limits.rate, limits.behind_proxy, limits.connections), (20, true, 21));
    assert_eq!((limits.connections_per_client, limits.drain_seconds), (Some(22), 23));
}

#[test]
fn training_uses_the_device_of_serving_unless_it_has_its_own() {
    let device = |options: &[&str]| {
        let line = ["server", "--device", "gpu:1"].iter().chain(options);
        let config = Cli::try_parse_from(line).unwrap().config;
        config.training.settings(&config.device, Vec::new()).device
    };
    assert_eq!(device(&[]), "gpu:1");
    assert_eq!(device(&["--train-device", "cpu"]), "cpu");
}
