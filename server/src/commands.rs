//! The commands beside serving: `server page FOLDER`, `server push --to URL`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use glyphic_runtime::registry::Registry;

use crate::{bucket::Bucket, config::folder, http::page};

/// Where the page is written.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Folder to write to.
    folder: PathBuf,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    artifacts: PathBuf,
}

/// Which checkpoints are sent, and where.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// Checkpoints to send [default: the promoted one].
    ids: Vec<String>,
    /// URL of the shared registry: s3://BUCKET/PATH, gs://… or az://…
    #[arg(long)]
    to: String,
    /// Send nothing if a checkpoint is already promoted there.
    #[arg(long)]
    if_empty: bool,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    artifacts: PathBuf,
}

/// Writes the page and the promoted checkpoint.
pub fn write_page(PageArgs { folder, artifacts }: PageArgs) -> Result<()> {
    page::write(&folder, &Registry::new(artifacts))?;
    println!("The page is in {}: any host of static files can serve it.", folder.display());
    Ok(())
}

/// Sends the checkpoints. If none is promoted there yet, the first one is.
#[tokio::main]
pub async fn push(PushArgs { mut ids, to, if_empty, artifacts }: PushArgs) -> Result<()> {
    let registry = Registry::new(artifacts);
    if ids.is_empty() {
        ids.push(registry.current()?);
    }
    let bucket = Bucket::open_without_copy(&to, registry)?;
    if if_empty && !bucket.is_empty().await? {
        return Ok(());
    }
    for id in &ids {
        bucket.send(bucket.registry(), id).await?;
        println!("Sent {id} to {to}");
    }
    if bucket.promote_first(&ids[0]).await? {
        println!("{} is now promoted there, because no other was", ids[0]);
    }
    Ok(())
}
