//! Lists of a store, page by page, past names that nobody should have given.
//!
//! The client refuses a page as a whole if one of its names is not a path (`a/../b`, `a//b`, a
//! control character). Such a page is asked for again in smaller parts, until the odd name is alone
//! in its part; then the list goes on behind it.

use object_store::{
    Error as StoreError, ObjectMeta, Result,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Error as PathError,
};

/// Names of a page, as stores give them if they are not asked for fewer.
const PAGE: usize = 1000;
/// Most odd names that one list passes over: each of them costs a few requests.
const MOST_ODD: usize = 50;

/// The objects below a prefix.
#[derive(Default)]
pub(super) struct Listing {
    /// Those whose names are paths.
    pub objects: Vec<ObjectMeta>,
    /// Names that are none; of those with the same odd part, the first.
    pub odd: Vec<String>,
    /// Whether there may be more, because there are too many odd names, or because the store does
    /// not say or pass over them.
    pub is_cut: bool,
}

/// Lists the objects whose names begin with a prefix.
pub(super) async fn list(store: &dyn PaginatedListStore, prefix: &str) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut from = PaginatedListOptions::default();
    let mut size = PAGE;
    loop {
        let max_keys = (size < PAGE).then_some(size);
        let asked = PaginatedListOptions { max_keys, ..from.clone() };
        match store.list_paginated(Some(prefix), asked).await {
            Ok(page) => {
                listing.objects.extend(page.result.objects);
                let next = page.page_token.filter(|token| !token.is_empty());
                let Some(next) = next else { return Ok(listing) };
                from.page_token = Some(next);
                size = PAGE.min(2 * size);
            }
            Err(StoreError::InvalidPath { .. }) if size > 1 => size /= 2,
            Err(StoreError::InvalidPath { source }) => {
                let name = odd_name(source).filter(|name| !listing.odd.contains(name));
                let Some(name) = name.filter(|_| listing.odd.len() < MOST_ODD) else {
                    listing.is_cut = true;
                    return Ok(listing);
                };
                let offset = Some(behind(&name));
                from = PaginatedListOptions { offset, ..PaginatedListOptions::default() };
                listing.odd.push(name);
            }
            Err(error) => return Err(error),
        }
    }
}

/// The name that is not a path, as the store has it.
fn odd_name(error: PathError) -> Option<String> {
    match error {
        PathError::EmptySegment { path } | PathError::BadSegment { path, .. } => Some(path),
        _ => None,
    }
}

/// The place in the list behind an odd name, and behind all others with the same odd part.
fn behind(name: &str) -> String {
    let is_odd =
        |part: &str| matches!(part, "" | "." | "..") || part.chars().any(|c| c.is_ascii_control());
    let mut end = 0;
    for part in name.split('/') {
        end += part.len();
        if is_odd(part) {
            break;
        }
        // The slash.
        end += 1;
    }
    match name.split_at_checked(end) {
        // Names are sorted by their bytes, and 0 is the one after the slash.
        Some((odd, rest)) if rest.starts_with('/') => format!("{odd}0"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{
        pin::Pin,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use object_store::{ListResult, list::PaginatedListResult, path::Path};

    use super::*;

    /// A store of these names, which lists them as S3 does.
    struct Named {
        names: Vec<String>,
        /// Whether it begins behind an offset, which not every store does.
        skips: bool,
        requests: AtomicUsize,
    }

    impl Named {
        fn new(names: impl IntoIterator<Item = String>) -> Self {
            let mut names: Vec<String> = names.into_iter().collect();
            names.sort();
            Self { names, skips: true, requests: AtomicUsize::new(0) }
        }

        fn page(
            &self,
            prefix: &str,
            options: &PaginatedListOptions,
        ) -> Result<PaginatedListResult> {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let offset = options.offset.as_deref().filter(|_| self.skips);
            let after = options.page_token.as_deref().or(offset).unwrap_or_default();
            let mut names =
                self.names.iter().filter(|name| name.starts_with(prefix) && name.as_str() > after);
            let page: Vec<&String> =
                names.by_ref().take(options.max_keys.unwrap_or(PAGE)).collect();
            let page_token = names.next().and(page.last().map(|last| (*last).clone()));
            let object = |name: &&String| -> Result<ObjectMeta> {
                let location = Path::parse(name)?;
                let (last_modified, size) = Default::default();
                Ok(ObjectMeta { location, last_modified, size, e_tag: None, version: None })
            };
            let objects = page.iter().map(object).collect::<Result<_>>()?;
            let (common_prefixes, extensions) = Default::default();
            let result = ListResult { objects, common_prefixes, extensions };
            Ok(PaginatedListResult { result, page_token })
        }
    }

    impl PaginatedListStore for Named {
        fn list_paginated<'store, 'prefix, 'answer>(
            &'store self,
            prefix: Option<&'prefix str>,
            options: PaginatedListOptions,
        ) -> Pin<Box<dyn Future<Output = Result<PaginatedListResult>> + Send + 'answer>>
        where
            'store: 'answer,
            'prefix: 'answer,
            Self: 'answer,
        {
            Box::pin(async move { self.page(prefix.unwrap_or_default(), &options) })
        }
    }

    fn good(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("r/checkpoints/mnist-{i:04}/manifest.json")).collect()
    }

    async fn listed(store: &Named) -> (Vec<String>, Listing) {
        let listing = list(store, "r/checkpoints/").await.unwrap();
        let names = listing.objects.iter().map(|object| object.location.to_string()).collect();
        (names, listing)
    }

    #[tokio::test]
    async fn odd_names_are_passed_over_wherever_they_are() {
        let odd = [
            "r/checkpoints/../../evil/manifest.json",
            "r/checkpoints//manifest.json",
            "r/checkpoints/mnist-0003//manifest.json",
            "r/checkpoints/mnist-0003/a\u{7f}",
            "r/checkpoints/mnist-0500/./manifest.json",
            "r/checkpoints/mnist-2\u{1}/manifest.json",
            "r/checkpoints/z\u{1b}[31m",
        ];
        for count in [0, 1, 4, 40, 2500] {
            let names = good(count).into_iter().chain(odd.map(str::to_owned));
            let (names, listing) = listed(&Named::new(names)).await;
            assert_eq!(names, good(count));
            let mut expected = odd.map(str::to_owned);
            expected.sort();
            assert_eq!(listing.odd, expected);
            assert!(!listing.is_cut);
        }
    }

    #[tokio::test]
    async fn many_objects_with_the_same_odd_part_cost_as_much_as_one() {
        let evil = (0..5000).map(|i| format!("r/checkpoints/../{i}"));
        let store = Named::new(evil.chain(good(10)));
        let (names, listing) = listed(&store).await;
        assert_eq!((names, listing.odd.len(), listing.is_cut), (good(10), 1, false));
        let requests = store.requests.into_inner();
        assert!(requests < 30, "{requests} requests");
    }

    #[tokio::test]
    async fn without_odd_names_a_list_costs_a_request_a_page() {
        let store = Named::new(good(2500));
        let (names, listing) = listed(&store).await;
        assert_eq!((names, listing.odd.len(), listing.is_cut), (good(2500), 0, false));
        assert_eq!(store.requests.into_inner(), 3);
    }

    #[tokio::test]
    async fn a_list_ends_where_there_are_too_many_odd_names_or_they_cannot_be_passed_over() {
        let odd = (0..MOST_ODD + 20).map(|i| format!("r/checkpoints/n{i:03}//x"));
        let (names, listing) = listed(&Named::new(odd.chain(good(5)))).await;
        assert_eq!((names, listing.odd.len(), listing.is_cut), (good(5), MOST_ODD, true));

        let odd = "r/checkpoints/mnist-0002//x".to_owned();
        let store = Named { skips: false, ..Named::new(good(9).into_iter().chain([odd])) };
        let (names, listing) = listed(&store).await;
        assert!(listing.is_cut && listing.odd.len() == 1);
        assert!(names.starts_with(&good(2)), "{names:?}");
    }
}
