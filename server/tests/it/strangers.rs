//! What tests of visitors share: a server behind a proxy with a token, and requests to it by the
//! token's holder, by visitors with a secret, and by strangers from any address.

use crate::{
    common::{Server, TestArtifacts, TrainingSetup, read},
    programs::Postgres,
};
use glyphic_server::{config::Limits, http::access::Admin};
use serde_json::{Value, json};

pub const TOKEN: &str = "a-token-of-some-length";

/// Who sends a request.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub address: String,
    pub secret: Option<String>,
    pub token: Option<String>,
}

impl Person {
    /// The token's holder.
    pub fn holder() -> Self {
        Self { token: Some(TOKEN.to_owned()), ..Self::from("198.51.100.1") }
    }

    /// Somebody without a secret.
    pub fn from(address: &str) -> Self {
        Self { address: address.to_owned(), ..Self::default() }
    }

    /// Somebody whose browser keeps a secret.
    pub fn visitor(name: &str, address: &str) -> Self {
        let secret = format!("{name}-a-secret-of-128-bits-or-more");
        Self { secret: Some(secret), ..Self::from(address) }
    }

    /// Sends a request; returns the status and the JSON.
    pub fn ask(
        &self,
        server: &Server,
        method: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> (u16, Value) {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(server.url(path))
            .header("x-forwarded-for", &self.address);
        if let Some(secret) = &self.secret {
            request = request.header("glyphic-visitor", secret);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", content_type).body(body.to_vec()).unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build();
        read(ureq::Agent::new_with_config(agent).run(request))
    }

    pub fn get(&self, server: &Server, path: &str) -> (u16, Value) {
        self.ask(server, "GET", path, "application/json", b"")
    }

    pub fn post(&self, server: &Server, path: &str, body: &Value) -> (u16, Value) {
        self.ask(server, "POST", path, "application/json", body.to_string().as_bytes())
    }

    pub fn delete(&self, server: &Server, path: &str) -> (u16, Value) {
        self.ask(server, "DELETE", path, "application/json", b"")
    }

    /// Sends a drawing with a label; returns the status and the answer.
    pub fn send(
        &self,
        server: &Server,
        label: &str,
        source: &str,
        strokes: &Value,
    ) -> (u16, Value) {
        let body = json!({ "label": label, "source": source, "strokes": strokes });
        self.post(server, "/api/samples", &body)
    }

    /// Teaches a drawing; returns the sample's id.
    #[track_caller]
    pub fn teach(&self, server: &Server, label: &str, source: &str, strokes: &Value) -> String {
        let (status, answer) = self.send(server, label, source, strokes);
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    /// The number of samples that match and that they see.
    #[track_caller]
    pub fn count(&self, server: &Server, query: &str) -> i64 {
        let (status, listed) = self.get(server, &format!("/api/samples?{query}"));
        assert_eq!(status, 200, "{listed}");
        listed["total"].as_i64().unwrap()
    }
}

/// A server behind a proxy, with a token and a memory.
pub fn behind_a_proxy(artifacts: &TestArtifacts, setup: TrainingSetup) -> Server {
    let admin = Admin::new(Some(TOKEN.to_owned()), "127.0.0.1:1".parse().unwrap(), true).0;
    let limits = Limits { behind_proxy: true, ..Limits::default() };
    Server::start_changed(artifacts, limits, Some(setup), move |app| {
        app.with_admin(admin).with_memory()
    })
}

/// Runs a test on both databases.
pub fn on_both(setup: impl Fn() -> TrainingSetup, test: impl Fn(&Server)) {
    test(&behind_a_proxy(&TestArtifacts::released(), setup()));
    let postgres = Postgres::start();
    let setup = TrainingSetup { url: Some(postgres.url()), ..setup() };
    test(&behind_a_proxy(&TestArtifacts::released(), setup));
}

/// A shape that is no digit, each a little different.
pub fn scribble(number: usize) -> Value {
    let point = |step: usize| {
        let (turn, step) = (1.0 + number as f64 / 40.0, step as f64);
        [40.0 * (2.1 * turn * step).sin() + 3.0 * step, 40.0 * (3.7 * step + turn).cos()]
    };
    json!([(0..24).map(point).collect::<Vec<_>>()])
}
