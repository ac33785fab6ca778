//! What the program does beside serving: `server page FOLDER`, `server push --to URL`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use glyphic_runtime::registry::Registry;

use crate::{bucket::Bucket, config::folder, routes::page};

/// Writes the page and the promoted checkpoint into a folder that any host of files can
/// serve.
#[derive(Parser)]
#[command(name = "page")]
pub struct PageArgs {
    /// The folder.
    folder: PathBuf,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    artifacts: PathBuf,
}

/// Sends checkpoints to where servers share them. The first one that arrives is promoted.
#[derive(Parser)]
#[command(name = "push")]
pub struct PushArgs {
    /// The checkpoints [default: the promoted one].
    ids: Vec<String>,
    /// Where to: s3://BUCKET/PATH, gs://… or az://…
    #[arg(long)]
    to: String,
    /// Nothing, if one is promoted there already.
    #[arg(long)]
    if_empty: bool,
    /// Folder with the checkpoints and CURRENT.
    #[arg(long, env = "GLYPHIC_ARTIFACTS", default_value = "artifacts", value_parser = folder)]
    artifacts: PathBuf,
}

/// Writes the page.
pub fn write_page(PageArgs { folder, artifacts }: PageArgs) -> Result<()> {
    page::write(&folder, &Registry::new(artifacts))?;
    println!("The page is in {}: any host of files can serve it.", folder.display());
    Ok(())
}

/// Sends the checkpoints.
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
        println!("{id} is in {to}");
    }
    if bucket.promote_first(&ids[0]).await? {
        println!("{} is promoted there, as the first", ids[0]);
    }
    Ok(())
}
