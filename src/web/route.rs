//! What a path calls for: the one table of paths. `/openapi.json` describes the same ones.
//!
//! Paths are compared without doubled and trailing slashes: nothing is ever redirected, because clients lose the
//! body on the way.

use crate::collect::tracking::{Call, Kind};

use super::segment::Part;

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Takes items in.
    Track(Call),
    /// Takes in what is delivered to the source that the path names.
    Hook,
    /// Takes one item in that stands in the query, and answers with a picture.
    Pixel(Kind),
    /// The settings that Segment's browser client asks for, with the key that the path names.
    Settings,
    /// The configuration that RudderStack's browser client asks for.
    SourceConfig,
    /// What may be known of the person whom the body names.
    Context,
    /// A part of the profile of an id, for a space: as the path writes them.
    Profile(Part),
    /// Who changes, for a purpose.
    Changes,
    /// The ledger's newest checkpoint.
    Checkpoint,
    /// What the server counts of itself.
    Metrics,
    /// Whether the process lives.
    Healthy,
    /// Whether it takes data in.
    Ready,
    /// What can be asked, as a document.
    Description,
    /// A page for the person whom the path's token lets speak.
    Person(Page),
}

/// The pages for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Confirms what was asked for in somebody's name.
    Confirm,
    /// Ends what a mail was sent for.
    Unsubscribe,
    /// Shows and changes what was allowed.
    Preferences,
}

/// Every route and its paths; what stands in braces is any one part.
pub const PATHS: [(Route, &[&str]); 27] = {
    use Kind::{Alias, Group, Identify, Page as Seen, Screen, Track};
    use Route::{
        Changes, Checkpoint, Context, Description, Healthy, Hook, Metrics, Person, Pixel, Profile,
        Ready, Settings, SourceConfig,
    };
    const fn one(kind: Kind) -> Route {
        Route::Track(Call::One(kind))
    }
    [
        (one(Identify), &["/v1/identify", "/v1/i", "/api/s/identify", "/api/s/s2s/identify"]),
        (one(Track), &["/v1/track", "/v1/t", "/api/s/track", "/api/s/s2s/track"]),
        (one(Seen), &["/v1/page", "/v1/p", "/api/s/page", "/api/s/s2s/page"]),
        (one(Screen), &["/v1/screen", "/v1/s", "/api/s/screen", "/api/s/s2s/screen"]),
        (one(Group), &["/v1/group", "/v1/g", "/api/s/group", "/api/s/s2s/group"]),
        (one(Alias), &["/v1/alias", "/v1/a", "/api/s/alias", "/api/s/s2s/alias"]),
        (
            Route::Track(Call::Batch),
            &["/v1/batch", "/v1/b", "/beacon/v1/batch", "/api/s/batch", "/api/s/s2s/batch"],
        ),
        (Pixel(Track), &["/pixel/v1/track"]),
        (Pixel(Seen), &["/pixel/v1/page"]),
        (Settings, &["/v1/projects/{key}/settings"]),
        (SourceConfig, &["/sourceConfig"]),
        (Hook, &["/v1/hooks/{source}"]),
        (Context, &["/v1/context"]),
        (Profile(Part::Traits), &["/v1/spaces/{purpose}/collections/users/profiles/{id}/traits"]),
        (
            Profile(Part::ExternalIds),
            &["/v1/spaces/{purpose}/collections/users/profiles/{id}/external_ids"],
        ),
        (Profile(Part::Events), &["/v1/spaces/{purpose}/collections/users/profiles/{id}/events"]),
        (
            Profile(Part::Metadata),
            &["/v1/spaces/{purpose}/collections/users/profiles/{id}/metadata"],
        ),
        (Profile(Part::Links), &["/v1/spaces/{purpose}/collections/users/profiles/{id}/links"]),
        (Changes, &["/v1/changes"]),
        (Checkpoint, &["/v1/checkpoint"]),
        (Person(Page::Confirm), &["/confirm/{token}"]),
        (Person(Page::Unsubscribe), &["/unsubscribe/{token}"]),
        (Person(Page::Preferences), &["/preferences/{token}"]),
        (Metrics, &["/metrics"]),
        (Healthy, &["/healthz"]),
        (Ready, &["/readyz"]),
        (Description, &["/openapi.json"]),
    ]
};

/// Whether a path is one of a pattern; then what it has where the pattern has braces.
fn named(pattern: &str, path: &[&str]) -> Option<Vec<String>> {
    let mut named = Vec::new();
    let mut parts = path.iter();
    for expected in pattern.split('/').skip(1) {
        let part = *parts.next()?;
        match expected.starts_with('{') {
            true => named.push(part.to_owned()),
            false if part == expected => {}
            false => return None,
        }
    }
    parts.next().is_none().then_some(named)
}

impl Route {
    /// The route of a path, and what the path names, as it writes it.
    pub fn of(path: &str) -> Option<(Route, Vec<String>)> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let mut all =
            PATHS.iter().flat_map(|(route, paths)| paths.iter().map(move |p| (*route, p)));
        all.find_map(|(route, pattern)| Some((route, named(pattern, &parts)?)))
    }

    /// The methods that it answers, beside `OPTIONS`, as a header names them.
    pub fn methods(&self) -> &'static str {
        match self {
            Route::Track(_) | Route::Context => "POST",
            // Some ask whether there is anybody before they deliver.
            Route::Hook | Route::Person(_) => "GET, HEAD, POST",
            Route::Healthy | Route::Ready => "GET, HEAD",
            _ => "GET",
        }
    }

    /// Whether it answers a method.
    pub fn answers(&self, method: &str) -> bool {
        self.methods().split(", ").any(|known| known == method)
    }

    /// Whether pages call it, and not programs alone.
    pub fn is_for_pages(&self) -> bool {
        !matches!(
            self,
            Route::Context
                | Route::Profile(_)
                | Route::Changes
                | Route::Checkpoint
                | Route::Metrics
                | Route::Person(_)
        )
    }

    /// Its name in logs, which holds nothing that a caller wrote.
    pub fn name(&self) -> &'static str {
        match self {
            Route::Track(Call::Batch) => "batch",
            Route::Track(Call::One(kind)) => kind.word(),
            Route::Hook => "webhook",
            Route::Pixel(Kind::Page) => "pixel page",
            Route::Pixel(_) => "pixel track",
            Route::Settings => "settings",
            Route::SourceConfig => "source config",
            Route::Checkpoint => "checkpoint",
            Route::Metrics => "metrics",
            Route::Changes => "changes",
            Route::Context => "context",
            Route::Profile(Part::Traits) => "profile traits",
            Route::Profile(Part::ExternalIds) => "profile external_ids",
            Route::Profile(Part::Events) => "profile events",
            Route::Profile(Part::Metadata) => "profile metadata",
            Route::Profile(Part::Links) => "profile links",
            Route::Healthy => "healthz",
            Route::Ready => "readyz",
            Route::Description => "openapi",
            Route::Person(Page::Confirm) => "confirm page",
            Route::Person(Page::Unsubscribe) => "unsubscribe page",
            Route::Person(Page::Preferences) => "preferences page",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(route: Route) -> Option<(Route, Vec<String>)> {
        Some((route, Vec::new()))
    }

    #[test]
    fn every_path_of_the_clients_is_known() {
        for kind in Kind::ALL {
            let word = kind.word();
            for path in [
                format!("/v1/{word}"),
                format!("/v1/{}", &word[..1]),
                format!("/api/s/{word}"),
                format!("/api/s/s2s/{word}"),
                format!("//v1/{word}/"),
            ] {
                assert_eq!(Route::of(&path), plain(Route::Track(Call::One(kind))), "{path}");
            }
        }
        for path in ["/v1/batch", "/v1/b", "/beacon/v1/batch", "//v1//batch/"] {
            assert_eq!(Route::of(path), plain(Route::Track(Call::Batch)), "{path}");
        }
        assert_eq!(Route::of("/sourceConfig/"), plain(Route::SourceConfig));
        let hook = Route::of("/v1/hooks/shop/");
        assert_eq!(hook, Some((Route::Hook, vec!["shop".into()])));
        assert!(Route::Hook.answers("HEAD") && !Route::Hook.answers("PUT"));
        let page = Route::of("/unsubscribe/AAAA");
        assert_eq!(page, Some((Route::Person(Page::Unsubscribe), vec!["AAAA".into()])));
        let profile = Route::of("/v1/spaces/orders/collections/users/profiles/email:a%40b/traits");
        let named = vec!["orders".into(), "email:a%40b".into()];
        assert_eq!(profile, Some((Route::Profile(Part::Traits), named)));
    }

    #[test]
    fn each_path_leads_to_its_own_route() {
        for (route, paths) in PATHS {
            for path in paths {
                assert_eq!(Route::of(path).map(|(found, _)| found), Some(route), "{path}");
            }
        }
    }

    #[test]
    fn other_paths_are_not() {
        for path in [
            "/",
            "/v1",
            "/v2/track",
            "/v1/x",
            "/v1/batch/x",
            "/pixel/v1/alias",
            "/v1/T",
            "/v1/hooks",
            "/confirm",
            "/preferences/AAAA/x",
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
