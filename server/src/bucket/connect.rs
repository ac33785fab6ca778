//! The object store that a URL names.

use std::time::Duration;

use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, Result, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    list::PaginatedListStore,
    path::Path,
};

use super::error::BucketError;

/// Longest time for a request with its body: a checkpoint over a slow line. Requests for small
/// objects have a shorter limit of their own.
const TIMEOUT: &str = "5m";
const CONNECT_TIMEOUT: &str = "3s";

/// A store.
pub struct Connected {
    /// Its objects.
    pub objects: Box<dyn ObjectStore>,
    /// The pages of its lists.
    pub pages: Box<dyn PaginatedListStore>,
}

impl Connected {
    fn new(store: impl ObjectStore + PaginatedListStore + Clone) -> Self {
        Self { objects: Box::new(store.clone()), pages: Box::new(store) }
    }
}

/// The store, and the path in it. Credentials and other settings come from the environment:
/// `AWS_…`, `GOOGLE_…`, `AZURE_…`.
pub fn connect(url: &str) -> std::result::Result<(Connected, Path), BucketError> {
    let refused = |reason: String| BucketError::Open { url: url.to_owned(), reason };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let open = match scheme {
        "s3" => s3,
        "gs" => google,
        "az" => azure,
        _ => return Err(refused("it must begin with s3://, gs:// or az://".to_owned())),
    };
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    if name.is_empty() {
        return Err(refused("it names no bucket".to_owned()));
    }
    let prefix = Path::parse(path).map_err(|error| refused(error.to_string()))?;
    let store = open(&format!("{scheme}://{name}"));
    Ok((store.map_err(|error| refused(error.to_string()))?, prefix))
}

fn s3(bucket: &str) -> Result<Connected> {
    let set = |builder: AmazonS3Builder, (key, value)| {
        builder.with_config(AmazonS3ConfigKey::Client(key), value)
    };
    let builder = AmazonS3Builder::from_env().with_url(bucket).with_retry(retry());
    Ok(Connected::new(times().into_iter().fold(builder, set).build()?))
}

fn google(bucket: &str) -> Result<Connected> {
    let set = |builder: GoogleCloudStorageBuilder, (key, value)| {
        builder.with_config(GoogleConfigKey::Client(key), value)
    };
    let builder = GoogleCloudStorageBuilder::from_env().with_url(bucket).with_retry(retry());
    Ok(Connected::new(times().into_iter().fold(builder, set).build()?))
}

fn azure(bucket: &str) -> Result<Connected> {
    let set = |builder: MicrosoftAzureBuilder, (key, value)| {
        builder.with_config(AzureConfigKey::Client(key), value)
    };
    let builder = MicrosoftAzureBuilder::from_env().with_url(bucket).with_retry(retry());
    Ok(Connected::new(times().into_iter().fold(builder, set).build()?))
}

fn times() -> [(ClientConfigKey, &'static str); 2] {
    [(ClientConfigKey::Timeout, TIMEOUT), (ClientConfigKey::ConnectTimeout, CONNECT_TIMEOUT)]
}

/// Short failures are retried. A store that is down is reported soon: the server asks it again
/// anyway.
fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 3,
        retry_timeout: Duration::from_secs(15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_stores_that_servers_can_share_are_opened() {
        for (url, part) in [
            ("file:///tmp/x", "s3://, gs:// or az://"),
            ("https://example.org/x", "s3://, gs:// or az://"),
            ("s3:///x", "names no bucket"),
            ("artifacts", "s3://, gs:// or az://"),
        ] {
            let error = connect(url).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(part), "{url}: {error}");
        }
    }
}
