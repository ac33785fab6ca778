//! Choosing a device.

use glyphic_runtime::device::{AdapterKind, ComputeDevice, DeviceChoice, DeviceError, adapters};

#[test]
fn reads_and_writes_every_choice() {
    for word in [
        "auto",
        "cpu",
        "gpu",
        "gpu:0",
        "gpu:12",
        "remote:ws://10.0.0.7:8090",
        "remote:ws://gpu.lan:8090/2",
    ] {
        assert_eq!(word.parse::<DeviceChoice>().unwrap().to_string(), word);
    }
}

#[test]
fn rejects_other_words() {
    for word in [
        "",
        "GPU",
        "gpu:",
        "gpu:x",
        "gpu:-1",
        "cuda",
        "remote:",
        "remote:gpu:8090",
        "remote:http://gpu:8090",
        "remote:ws://gpu",
        "remote:ws://:8090",
        "remote:ws://gpu:8090/x",
    ] {
        assert!(matches!(word.parse::<DeviceChoice>(), Err(DeviceError::Unknown(_))), "{word}");
    }
}

#[test]
fn rejects_an_adapter_that_does_not_exist() {
    let error = DeviceChoice::Gpu(Some(99)).open().unwrap_err();
    assert!(matches!(error, DeviceError::NoSuchAdapter { asked: 99, .. } | DeviceError::NoAdapter));
}

#[test]
fn auto_never_chooses_a_software_adapter() {
    let real = adapters().iter().any(|adapter| adapter.kind != AdapterKind::Software);
    let ComputeDevice { adapter, .. } = DeviceChoice::Auto.open().unwrap();
    assert_eq!(adapter.is_some(), real);
    assert!(adapter.is_none_or(|adapter| adapter.kind != AdapterKind::Software));
}
