//! What an operator relies on: who may change what, limits of rate and patience, numbers of
//! requests, metrics, probes.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, seven, wait_until},
    programs::{Program, ServerProgram},
};
use glyphic_server::{config::Limits, http::access::Admin};
use serde_json::json;

const TOKEN: &str = "a-token-of-some-length";

/// Sends a head and a body as they are; returns the whole answer.
fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    // A client that is refused before it has sent everything may find the connection reset.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

/// A request without a body, and these lines in its head.
fn asked(server: &Server, method: &str, path: &str, lines: &str) -> String {
    let host = server.address;
    raw(
        host,
        &format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\
             connection: close\r\n{lines}\r\n"
        ),
    )
}

fn status(answer: &str) -> u16 {
    answer[9..12].parse().unwrap()
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn changes_need_the_token_and_reading_does_not_but_for_samples() {
    let artifacts = TestArtifacts::released();
    let admin = Admin::new(Some(TOKEN.to_owned()), "127.0.0.1:1".parse().unwrap(), false).0;
    let setup = TrainingSetup::default();
    let server = Server::start_changed(&artifacts, Limits::default(), Some(setup), move |app| {
        app.with_admin(admin)
    });
    let id = artifacts.registry.current().unwrap();
    let changes = [
        ("POST", format!("/api/models/{id}/promote")),
        ("POST", "/api/models/rollback".to_owned()),
        ("POST", "/api/models/prune?keep=9".to_owned()),
        ("PUT", "/api/aliases/best".to_owned()),
        ("DELETE", "/api/aliases/best".to_owned()),
        ("PUT", format!("/api/pins/{id}")),
        ("DELETE", format!("/api/pins/{id}")),
        ("POST", "/api/samples/delete?source=a".to_owned()),
        ("POST", "/api/samples/confirm?source=a".to_owned()),
        ("POST", "/api/samples/undo".to_owned()),
        ("POST", "/api/samples/import".to_owned()),
        ("PATCH", "/api/samples/a".to_owned()),
        ("DELETE", "/api/samples/a".to_owned()),
        ("POST", "/api/jobs/a/cancel".to_owned()),
        ("POST", "/api/jobs".to_owned()),
        ("POST", "/api/audits".to_owned()),
        ("POST", format!("/v2/repository/models/{id}/load")),
        ("POST", "/v2/repository/models/a/unload".to_owned()),
    ];
    for (method, path) in &changes {
        let bad = [
            String::new(),
            "authorization: Bearer wrong\r\n".to_owned(),
            format!("authorization: Bearer {TOKEN}x\r\n"),
            format!("authorization: Basic {TOKEN}\r\n"),
            format!("authorization: {TOKEN}\r\n"),
        ];
        for lines in bad {
            let answer = asked(&server, method, path, &lines);
            assert_eq!(status(&answer), 401, "{method} {path} {lines}: {answer}");
            assert_eq!(header(&answer, "www-authenticate"), Some("Bearer"));
            // The protocol's errors are texts.
            let form = if path.starts_with("/v2") {
                r#"{"error":"#.to_owned() + "\""
            } else {
                r#"{"error":{"code":"token_needed""#.to_owned()
            };
            assert!(answer.contains(&form), "{path}: {answer}");
        }
    }
    // With it they are done, or refused for another reason. Training is tested elsewhere.
    for (method, path) in
        changes.iter().filter(|(_, path)| !matches!(&**path, "/api/jobs" | "/api/audits"))
    {
        let answer = asked(&server, method, path, &format!("authorization: bearer {TOKEN}\r\n"));
        assert_ne!(status(&answer), 401, "{method} {path}: {answer}");
    }
    // Reading and sending samples need no token.
    let strokes = json!({ "strokes": seven(), "label": "7" });
    assert_eq!(server.post_json("/api/predict", &strokes).0, 200);
    assert_eq!(server.post_json("/api/samples", &strokes).0, 201);
    for path in ["/", "/api/models", "/api/jobs", "/metrics", "/v2", "/api/openapi.json"] {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    // What others sent is not for everybody.
    assert_eq!(server.get("/api/samples").0, 401);
}

#[test]
fn a_token_is_made_where_others_can_reach_the_server() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let made = |given: Option<&str>, at: &str, behind_proxy: bool| {
        Admin::new(given.map(str::to_owned), address(at), behind_proxy).1
    };
    assert!(made(None, "127.0.0.1:80", false).is_none());
    assert!(made(None, "[::1]:80", false).is_none());
    assert!(made(Some(TOKEN), "0.0.0.0:80", true).is_none());
    let one = made(None, "0.0.0.0:80", false).unwrap();
    assert_eq!(one.len(), 64);
    assert_ne!(one, made(None, "192.168.1.2:80", false).unwrap());
    // A proxy on this machine lets others in.
    assert!(made(None, "127.0.0.1:80", true).is_some());
}

#[test]
fn without_a_token_changes_are_taken_under_this_machines_names_alone() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let promote = |host: &str| {
        let id = artifacts.registry.current().unwrap();
        let request = format!(
            "POST /api/models/{id}/promote HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\n\
             sec-fetch-site: same-origin\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        raw(server.address, &request)
    };
    for host in
        ["localhost", "127.0.0.1:8080", "127.0.0.2:1", "[::1]:80", "LOCALHOST:1", "a.localhost"]
    {
        assert_eq!(status(&promote(host)), 200, "{host}");
    }
    // A name of somebody else's that leads to this machine.
    for host in ["evil.example:8080", "evil.example", "127.0.0.1.evil.example", "localhost.evil"] {
        let answer = promote(host);
        assert_eq!(status(&answer), 403, "{host}");
        assert!(answer.contains("--admin-token"), "{answer}");
    }
    // A proxy that was not configured, under any name of this machine; for samples too.
    for path in ["/api/models/rollback", "/api/samples"] {
        let answer = asked(&server, "POST", path, "x-forwarded-for: 203.0.113.9\r\n");
        assert_eq!(status(&answer), 403, "{answer}");
    }
}

#[test]
fn whatever_says_proxy_makes_a_change_need_the_token() {
    let artifacts = TestArtifacts::released();
    let id = artifacts.registry.current().unwrap();
    let open = Server::start(&artifacts);
    let admin = Admin::new(Some(TOKEN.to_owned()), "127.0.0.1:1".parse().unwrap(), false).0;
    let guarded = Server::start_changed(&artifacts, Limits::default(), None, move |app| {
        app.with_admin(admin)
    });
    // The proxy says that the request is for this machine, as its server's own name.
    let promote = |server: &Server, version: &str, lines: &str| {
        let head = format!(
            "POST /api/models/{id}/promote HTTP/{version}\r\nhost: localhost:8080\r\n\
             content-length: 0\r\nconnection: close\r\n{lines}\r\n"
        );
        raw(server.address, &head)
    };
    assert_eq!(status(&promote(&open, "1.1", "")), 200);
    for (version, line) in [
        ("1.0", ""),
        ("1.1", "x-forwarded-for: 203.0.113.9\r\n"),
        ("1.1", "X-Forwarded-Proto: https\r\n"),
        ("1.1", "x-forwarded-host: glyphic.example\r\n"),
        ("1.1", "x-forwarded-port: 443\r\n"),
        ("1.1", "x-forwarded-anything: \r\n"),
        ("1.1", "forwarded: for=203.0.113.9\r\n"),
        ("1.1", "via: 1.1 proxy\r\n"),
        ("1.1", "x-real-ip: 203.0.113.9\r\n"),
        ("1.1", "cf-connecting-ip: 203.0.113.9\r\n"),
        ("1.1", "true-client-ip: 203.0.113.9\r\n"),
    ] {
        let answer = promote(&open, version, line);
        assert_eq!(status(&answer), 403, "{version} {line}: {answer}");
        assert!(answer.contains("--admin-token"), "{answer}");
        assert_eq!(status(&promote(&guarded, version, line)), 401, "{version} {line}");
        let with_token = format!("{line}authorization: Bearer {TOKEN}\r\n");
        assert_eq!(status(&promote(&guarded, version, &with_token)), 200, "{version} {line}");
    }
}

/// What a server prints when it starts, up to what it says of changes.
fn said_at_the_start(artifacts: &TestArtifacts, arguments: &[&str]) -> String {
    use std::io::{BufRead, BufReader};
    let mut program = Program(
        Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--device", "cpu", "--artifacts"])
            .arg(artifacts.folder.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut said = String::new();
    for line in BufReader::new(program.0.stdout.take().unwrap()).lines() {
        said += &format!("{}\n", line.unwrap());
        if said.contains("  changes ") {
            return said;
        }
    }
    panic!("it does not say who may change what: {said}");
}

#[test]
fn the_start_says_who_may_change_what() {
    let artifacts = TestArtifacts::released();
    let said = said_at_the_start(&artifacts, &["--addr", "127.0.0.1:0"]);
    for part in ["by anybody who connects to 127.0.0.1:", "everybody on this machine", "proxy"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(said.contains("With --admin-token they need the token"), "{said}");
    for arguments in [
        ["--addr", "127.0.0.1:0", "--admin-token", TOKEN].as_slice(),
        &["--addr", "127.0.0.1:0", "--behind-proxy"],
        &["--addr", "0.0.0.0:0"],
    ] {
        let said = said_at_the_start(&artifacts, arguments);
        assert!(said.contains("changes     need the token"), "{arguments:?}: {said}");
        let made = said.contains("  token  ");
        assert_eq!(made, !arguments.contains(&"--admin-token"), "{said}");
        assert!(!said.contains(TOKEN), "{said}");
    }
}

#[test]
fn probes_have_an_address_of_their_own() {
    let artifacts = TestArtifacts::released();
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (address, probes) = (free(), free());
    let _server = ServerProgram::start(
        Command::new(env!("CARGO_BIN_EXE_server"))
            .args(["--device", "cpu", "--connections", "8", "--connections-per-client", "8"])
            .arg("--artifacts")
            .arg(artifacts.folder.path())
            .args(["--addr", &address.to_string(), "--probe-addr", &probes.to_string()])
            .stderr(Stdio::null()),
    );
    // All connections are taken, and more wait.
    let _idle: Vec<TcpStream> = (0..32).map(|_| TcpStream::connect(address).unwrap()).collect();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let begun = Instant::now();
        let head = format!("GET {path} HTTP/1.1\r\nhost: {probes}\r\nconnection: close\r\n\r\n");
        let answer = raw(probes, &head);
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{path}: {:?}", begun.elapsed());
    }
    // Nothing else is there.
    let head = format!("GET /api/models HTTP/1.1\r\nhost: {probes}\r\nconnection: close\r\n\r\n");
    assert_eq!(status(&raw(probes, &head)), 404);
    let probe = |variable: Option<SocketAddr>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.arg("probe").env("GLYPHIC_ADDR", free().to_string());
        if let Some(address) = variable {
            command.env("GLYPHIC_PROBE_ADDR", address.to_string());
        }
        command.output().unwrap().status.success()
    };
    assert!(probe(Some(probes)));
    assert!(!probe(None), "nobody listens there");
}

#[test]
fn one_client_may_ask_so_often_and_another_one_is_not_its_victim() {
    let artifacts = TestArtifacts::released();
    let limits = Limits { rate: 5, behind_proxy: true, ..Limits::default() };
    let server = Server::start_with(&artifacts, limits);
    let ask = |path: &str, client: &str| {
        asked(&server, "GET", path, &format!("x-forwarded-for: 6.6.6.6, {client}\r\n"))
    };
    let begun = Instant::now();
    let answers: Vec<String> = (0..20).map(|_| ask("/api/models", "10.0.0.1")).collect();
    let refused = answers.iter().filter(|answer| status(answer) == 429).count();
    let most = 5 + 5 * (1 + begun.elapsed().as_secs() as usize);
    assert!(refused >= 20usize.saturating_sub(most) && refused > 0, "{refused} of 20 refused");
    let answer = answers.iter().find(|answer| status(answer) == 429).unwrap();
    assert_eq!(header(answer, "retry-after"), Some("1"));
    assert!(answer.contains("too_often"), "{answer}");
    // Others are answered, also a neighbour in IPv4; in IPv6 a network is one client.
    assert_eq!(status(&ask("/api/models", "10.0.0.2")), 200);
    (0..20).for_each(|i| drop(ask("/v2", &format!("2001:db8:1:2::{i}"))));
    let answer = ask("/v2", "2001:db8:1:2:ffff::1");
    assert_eq!(status(&answer), 429, "{answer}");
    assert!(answer.contains("{\"error\":\""), "{answer}");
    assert_eq!(status(&ask("/v2", "2001:db8:1:3::1")), 200);
    // Probes and pages are not counted.
    for path in ["/healthz", "/readyz", "/metrics", "/"] {
        assert_eq!(status(&ask(path, "10.0.0.1")), 200, "{path}");
    }
    let metrics = server.get("/metrics").1;
    let count = metrics.as_str().unwrap().lines().find_map(|line| {
        line.strip_prefix("glyphic_turned_away_total{reason=\"rate\"} ")?.parse::<usize>().ok()
    });
    assert!(count.unwrap() > refused, "{count:?}");
}

#[test]
fn a_client_with_a_whole_ipv6_network_is_not_thousands_of_clients() {
    let artifacts = TestArtifacts::released();
    let limits = Limits { rate: 5, behind_proxy: true, ..Limits::default() };
    let server = Server::start_with(&artifacts, limits);
    let answered = |addresses: &mut dyn Iterator<Item = String>| {
        let begun = Instant::now();
        let ask = |client: &String| {
            asked(&server, "GET", "/v2", &format!("x-forwarded-for: {client}\r\n"))
        };
        let answered = addresses.filter(|client| status(&ask(client)) == 200).count();
        (answered, 1 + begun.elapsed().as_secs() as usize)
    };
    // Each request from another /64: of one /56, then of one /48.
    let (of_the_56, seconds) = answered(&mut (0..200).map(|i| format!("2001:db8:7:{i:x}::1")));
    assert!((5..=10 * (1 + seconds)).contains(&of_the_56), "{of_the_56} in {seconds} s");
    let mut wider = (1..200).map(|i| format!("2001:db8:7:{:x}::1", i << 8));
    let (of_the_48, seconds) = answered(&mut wider);
    assert!((5..=20 * (1 + seconds)).contains(&of_the_48), "{of_the_48} in {seconds} s");
    // Another network, and IPv4, are others.
    let mut others = ["2001:db8:8::1", "203.0.113.9"].map(str::to_owned).into_iter();
    assert_eq!(answered(&mut others).0, 2);
}

#[test]
fn every_answer_bears_its_requests_number_and_the_usual_headers() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    for path in ["/", "/api/models", "/nothing", "/v2/nothing", "/metrics"] {
        let answer = asked(&server, "GET", path, "x-request-id: mine-1.2:3\r\n");
        assert_eq!(header(&answer, "x-request-id"), Some("mine-1.2:3"), "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"));
        assert!(header(&answer, "content-security-policy").unwrap().contains("default-src"));
        assert_eq!(header(&answer, "access-control-allow-origin"), None);
    }
    // A number that would spoil a log is not taken over.
    let long = "x".repeat(65);
    for bad in ["a b", "ä", "", long.as_str(), "a\"b"] {
        let answer = asked(&server, "GET", "/", &format!("x-request-id: {bad}\r\n"));
        let number = header(&answer, "x-request-id").unwrap();
        assert!(number.len() == 16 && number != bad, "{number}");
    }
}

#[test]
fn metrics_count_what_happens() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let id = artifacts.registry.current().unwrap();
    for _ in 0..3 {
        assert_eq!(server.post_json("/api/predict", &json!({ "strokes": seven() })).0, 200);
    }
    server.post("/api/predict", "application/json", b"{");
    // A path or a method that is nobody's must not become a counter of its own.
    server.get("/a/b/c");
    asked(&server, "STRANGE", "/", "");
    server.post(&format!("/api/models/{id}/promote"), "", b"");
    server.post("/api/models/none/promote", "", b"");
    let metrics = server.get("/metrics").1;
    let metrics = metrics.as_str().unwrap();
    for line in [
        "glyphic_request_seconds_count{method=\"POST\",route=\"/api/predict\",status=\"200\"} 3",
        "glyphic_request_seconds_count{method=\"POST\",route=\"/api/predict\",status=\"400\"} 1",
        "glyphic_request_seconds_count{method=\"GET\",route=\"other\",status=\"404\"} 1",
        "glyphic_stage_seconds_count{stage=\"compute\"} 3",
        "glyphic_stage_seconds_count{stage=\"decode\"} 3",
        "glyphic_batch_size_sum 3",
        "glyphic_queue_depth 0",
        "glyphic_swaps_total{outcome=\"served\"} 1",
        "glyphic_swaps_total{outcome=\"refused\"} 1",
        "glyphic_turned_away_total{reason=\"queue\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    assert!(metrics.contains(&format!("glyphic_model_info{{model=\"{id}\"}} 1")), "{metrics}");
    assert!(!metrics.contains("/a/b/c") && !metrics.contains("STRANGE"));
    assert!(metrics.contains("method=\"other\",route=\"/\",status=\"405\"} 1"), "{metrics}");
}

#[test]
fn a_client_that_sends_nothing_is_cut_off_and_others_are_served() {
    let artifacts = TestArtifacts::released();
    let limits = Limits { connections: 40, connections_per_client: Some(40), ..Limits::default() };
    let server = Server::start_with(&artifacts, limits);
    // Heads that never end, one byte now and then.
    let mut slow: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut stream = TcpStream::connect(server.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    let mut cut = false;
    while !cut && begun.elapsed() < Duration::from_secs(40) {
        assert_eq!(server.get("/readyz").0, 200);
        for stream in &mut slow {
            stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            let written = stream.write_all(b"x");
            let read = stream.read(&mut [0; 512]);
            cut |= written.is_err() || matches!(read, Ok(0));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(cut, "no slow client was cut off within 40 s");
    assert!(begun.elapsed() > Duration::from_secs(5), "cut off at once");
    // A head that is too long, and too many headers, are refused.
    let long = format!("x-long: {}\r\n", "x".repeat(64 << 10));
    let many: String = (0..100).map(|i| format!("x-{i}: 1\r\n")).collect();
    for lines in [long, many] {
        assert_eq!(status(&asked(&server, "GET", "/readyz", &lines)), 431);
    }
}

#[test]
fn a_client_that_takes_no_answers_is_cut_off() {
    let artifacts = TestArtifacts::released();
    // There is room for one: the second client is served when the first one has gone.
    let limits = Limits { connections: 1, connections_per_client: Some(9), ..Limits::default() };
    let server = Server::start_with(&artifacts, limits);
    let mut slow = TcpStream::connect(server.address).unwrap();
    // More answers than the system's buffers between the two hold.
    let request = b"GET /api/openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000);
    slow.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let _ = slow.write_all(&request);
    let begun = Instant::now();
    let patient = ureq::get(server.url("/readyz")).config();
    let answer = patient.timeout_global(Some(Duration::from_secs(40))).build().call();
    assert_eq!(answer.unwrap().status(), 200);
    let waited = begun.elapsed();
    assert!(waited > Duration::from_secs(5), "the answers were taken, or it was cut at once");
    assert!(waited < Duration::from_secs(25), "cut off after {waited:?}");
    drop(slow);
}

#[test]
fn one_client_cannot_hold_every_connection() {
    let artifacts = TestArtifacts::released();
    let limits = Limits { connections: 12, connections_per_client: Some(8), ..Limits::default() };
    let server = Server::start_with(&artifacts, limits);
    let held: Vec<TcpStream> =
        (0..8).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let refused = asked(&server, "GET", "/readyz", "");
    assert!(refused.starts_with("HTTP/1.1 429 ") && refused.contains("retry-after"), "{refused}");
    // Another address is another client.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    assert!(answer.contains("glyphic_turned_away_total{reason=\"connections\"} 1"), "{answer}");
    // Places that are given up are free again.
    drop(held);
    wait_until("a free place", || asked(&server, "GET", "/readyz", "").starts_with("HTTP/1.1 200"));
}

/// A request for a prediction whose body the server is waiting for, and the rest of the body.
fn half_a_request(address: SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut body = json!({ "strokes": seven() }).to_string();
    let length = body.len();
    let rest = body.split_off(10);
    write!(
        stream,
        "POST /api/predict HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    // Time for the server to read the head.
    std::thread::sleep(Duration::from_millis(200));
    (stream, rest)
}

#[test]
fn a_server_that_stops_answers_what_it_has_begun() {
    let artifacts = TestArtifacts::released();
    let server = Server::start(&artifacts);
    let address = server.address;
    let (mut stream, rest) = half_a_request(address);
    let stopping = std::thread::spawn(move || drop(server));
    std::thread::sleep(Duration::from_millis(300));
    assert!(TcpStream::connect(address).is_err(), "a stopping server takes connections");
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(status(&answer), 200, "{answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
    stopping.join().unwrap();
}

#[test]
fn no_request_writes_a_line_of_its_own_into_the_log() {
    // A line like those of the log, an escape code in both of its forms, and turned around.
    let forged = "%0A2026-01-01T00:00:00.000000Z%20ERROR%20forged%0D%1B%5B31m%C2%9B31m%E2%80%AE";
    let requests = [
        ("GET", format!("/api/suggestions?kind={forged}")),
        ("POST", format!("/api/jobs?from={forged}")),
        ("GET", format!("/api/samples?limit={forged}")),
        ("POST", format!("/api/samples?label=7{forged}7&source=7{forged}7")),
        ("POST", format!("/api/models/{forged}/promote")),
        ("POST", format!("/api/models/a/promote?from={forged}&force=1")),
        ("PUT", format!("/api/aliases/{forged}")),
        ("GET", format!("/api/models/{forged}/report")),
        ("GET", format!("/v2/models/{forged}")),
        ("GET", format!("/v2/models/glyphic/versions/{forged}")),
        ("GET", format!("/{forged}")),
    ];
    for json in [false, true] {
        let artifacts = TestArtifacts::released();
        let log = tempfile::NamedTempFile::new().unwrap();
        let server = ServerProgram::start(
            Command::new(env!("CARGO_BIN_EXE_server"))
                .args(["--addr", "127.0.0.1:0", "--device", "cpu", "--artifacts"])
                .arg(artifacts.folder.path())
                .args(json.then_some("--log-json"))
                .env("RUST_LOG", "debug")
                .stderr(log.reopen().unwrap()),
        );
        let address = server.url.rsplit("//").next().unwrap();
        for (method, path) in &requests {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\
                 connection: close\r\n\r\n"
            );
            let answer = raw(address.parse().unwrap(), &head);
            assert!((400..500).contains(&status(&answer)), "{method} {path}: {answer}");
        }
        drop(server);
        let log = std::fs::read_to_string(log.path()).unwrap();
        let invisible = |c: char| c != '\n' && glyphic_model::labels::is_invisible(c);
        assert!(!log.contains(invisible), "{log:?}");
        // What they sent is there, and nothing of it is lost in JSON.
        assert!(log.matches("forged").count() > 10, "{log}");
        for line in log.lines() {
            if json {
                let event: serde_json::Value = serde_json::from_str(line).expect(line);
                assert!(event["timestamp"].is_string(), "{line}");
            } else {
                assert!(line.starts_with('2') && !line.starts_with("2026-01-01T00:00"), "{line}");
            }
        }
    }
}

#[test]
fn a_database_that_cannot_be_written_is_said_once() {
    let artifacts = TestArtifacts::released();
    drop(Server::training(&artifacts, TrainingSetup::default()));
    let database = artifacts.database();
    let file = database.split('?').next().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_server"))
        .args(["--device", "cpu", "--addr", "127.0.0.1:0", "--artifacts"])
        .arg(artifacts.registry.root())
        .args(["--database-url", &format!("{file}?mode=ro")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.lines().count() == 1, "{said}");
    assert!(said.contains("read-only") && said.contains("--database-url"), "{said}");
}

#[test]
fn a_server_that_stops_waits_no_longer_than_it_may() {
    let artifacts = TestArtifacts::released();
    let limits = Limits { drain_seconds: 0, ..Limits::default() };
    let server = Server::start_with(&artifacts, limits);
    let (mut stream, _) = half_a_request(server.address);
    let begun = Instant::now();
    drop(server);
    // By default it would wait 10 seconds for the rest of the body.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert_eq!(String::from_utf8_lossy(&answer), "");
}

#[test]
fn the_log_names_the_request_and_the_probe_asks_the_server() {
    let artifacts = TestArtifacts::released();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let program = || Command::new(env!("CARGO_BIN_EXE_server"));
    let probe = || program().args(["probe", "--addr", &address]).output().unwrap();
    let nobody = probe();
    assert!(!nobody.status.success());
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nothing is listening"), "{nobody:?}");

    let mut server = Program(
        program()
            .args(["--addr", &address, "--device", "cpu", "--log-json", "--artifacts"])
            .arg(artifacts.folder.path())
            .env("RUST_LOG", "glyphic_server=debug")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    wait_until("the server's start", || probe().status.success());
    let head = format!(
        "POST /api/predict HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         x-request-id: number-7\r\ncontent-length: 1\r\nconnection: close\r\n\r\n{{"
    );
    assert_eq!(status(&raw(address.parse().unwrap(), &head)), 400);
    server.0.kill().unwrap();
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let of_request: Vec<_> = lines.filter(|line| line["span"]["id"] == "number-7").collect();
    let said = |part: &str| of_request.iter().any(|line| line.to_string().contains(part));
    assert!(said("malformed") && said("\"status\":400") && said("/api/predict"), "{log}");
}
