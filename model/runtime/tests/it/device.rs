//! Choosing a device.

use glyphic_runtime::device::{
    AdapterKind, ComputeDevice, DeviceChoice, DeviceError, HAS_GPU, adapters,
};

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
    let expected = match error {
        DeviceError::NoSuchAdapter { asked: 99, .. } | DeviceError::NoAdapter => HAS_GPU,
        DeviceError::NoGpu => !HAS_GPU,
        _ => false,
    };
    assert!(expected, "{error}");
}

#[test]
fn a_program_without_gpu_support_says_in_one_line_how_to_get_it() {
    let message = DeviceError::NoGpu.to_string();
    assert!(!message.contains('\n'), "{message}");
    for part in ["--features gpu", "--bin train", "--device cpu"] {
        assert!(message.contains(part), "{message}");
    }
    if !HAS_GPU {
        assert_eq!(DeviceChoice::Gpu(None).open().unwrap_err().to_string(), message);
    }
}

#[test]
fn auto_never_chooses_a_software_adapter() {
    let real = adapters().iter().any(|adapter| adapter.kind != AdapterKind::Software);
    let ComputeDevice { adapter, .. } = DeviceChoice::Auto.open().unwrap();
    assert_eq!(adapter.is_some(), real);
    assert!(adapter.is_none_or(|adapter| adapter.kind != AdapterKind::Software));
}
