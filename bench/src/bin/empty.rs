//! An axum server whose handler does nothing: what HTTP alone costs. `bench/serve/run`
//! measures it beside Glyphic's.
//!
//! ```sh
//! cargo run --release -p glyphic-bench --bin empty -- 127.0.0.1:8081
//! ```

use anyhow::{Context, Result};
use axum::{Router, body::Bytes, routing::post};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let address = std::env::args().nth(1).context("the address to listen on is missing")?;
    let listener = TcpListener::bind(&address).await.with_context(|| address.clone())?;
    // It takes the body, as any real handler must.
    let router = Router::new().route("/", post(async |_: Bytes| "7").get(async || "7"));
    axum::serve(listener, router).await?;
    Ok(())
}
