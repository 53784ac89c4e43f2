//! What a path calls for. Paths of clients are compared without doubled and trailing slashes: nothing
//! is ever redirected, because clients lose the body on the way.

use crate::collect::tracking::{Call, Kind};

use super::segment::Part;

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Takes items in.
    Track(Call),
    /// Takes in what is delivered to the source of this name.
    Hook(String),
    /// Takes one item in that stands in the query, and answers with a picture.
    Pixel(Kind),
    /// The settings that Segment's browser client asks for, with the key that the path names.
    Settings(String),
    /// The configuration that RudderStack's browser client asks for.
    SourceConfig,
    /// What may be known of the person whom the body names.
    Context,
    /// A part of the profile of an id, for a space: as the path writes them.
    Profile(String, String, Part),
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
    /// A page for the person whom a token lets speak.
    Person(Page, String),
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

impl Route {
    /// The route of a path.
    pub fn of(path: &str) -> Option<Route> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["v1", "batch" | "b"] | ["beacon", "v1", "batch"] => Some(Route::Track(Call::Batch)),
            ["v1", "checkpoint"] => Some(Route::Checkpoint),
            ["metrics"] => Some(Route::Metrics),
            ["v1", "changes"] => Some(Route::Changes),
            ["v1", "context"] => Some(Route::Context),
            ["v1", "spaces", space, "collections", "users", "profiles", id, part] => {
                let part = Part::of(part)?;
                Some(Route::Profile((*space).to_owned(), (*id).to_owned(), part))
            }
            ["v1", "hooks", name] => Some(Route::Hook((*name).to_owned())),
            ["v1", word] => kind(word).map(|kind| Route::Track(Call::One(kind))),
            ["api", "s", word] | ["api", "s", "s2s", word] => match *word {
                "batch" => Some(Route::Track(Call::Batch)),
                word => Kind::of(word).map(|kind| Route::Track(Call::One(kind))),
            },
            ["pixel", "v1", word @ ("track" | "page")] => Kind::of(word).map(Route::Pixel),
            ["v1", "projects", key, "settings"] => Some(Route::Settings((*key).to_owned())),
            ["sourceConfig"] => Some(Route::SourceConfig),
            ["healthz"] => Some(Route::Healthy),
            ["readyz"] => Some(Route::Ready),
            ["confirm", token] => Some(Route::Person(Page::Confirm, (*token).to_owned())),
            ["unsubscribe", token] => Some(Route::Person(Page::Unsubscribe, (*token).to_owned())),
            ["preferences", token] => Some(Route::Person(Page::Preferences, (*token).to_owned())),
            _ => None,
        }
    }

    /// The methods that it answers, beside `OPTIONS`, as a header names them.
    pub fn methods(&self) -> &'static str {
        match self {
            Route::Track(_) | Route::Context => "POST",
            // Some ask whether there is anybody before they deliver.
            Route::Hook(_) | Route::Person(..) => "GET, HEAD, POST",
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
                | Route::Profile(..)
                | Route::Changes
                | Route::Checkpoint
                | Route::Metrics
                | Route::Person(..)
        )
    }

    /// Its name in logs, which holds nothing that a caller wrote.
    pub fn name(&self) -> &'static str {
        match self {
            Route::Track(Call::Batch) => "batch",
            Route::Track(Call::One(kind)) => kind.word(),
            Route::Hook(_) => "webhook",
            Route::Pixel(Kind::Page) => "pixel page",
            Route::Pixel(_) => "pixel track",
            Route::Settings(_) => "settings",
            Route::SourceConfig => "source config",
            Route::Checkpoint => "checkpoint",
            Route::Metrics => "metrics",
            Route::Changes => "changes",
            Route::Context => "context",
            Route::Profile(.., Part::Traits) => "profile traits",
            Route::Profile(.., Part::ExternalIds) => "profile external_ids",
            Route::Profile(.., Part::Events) => "profile events",
            Route::Profile(.., Part::Metadata) => "profile metadata",
            Route::Profile(.., Part::Links) => "profile links",
            Route::Healthy => "healthz",
            Route::Ready => "readyz",
            Route::Person(Page::Confirm, _) => "confirm page",
            Route::Person(Page::Unsubscribe, _) => "unsubscribe page",
            Route::Person(Page::Preferences, _) => "preferences page",
        }
    }
}

fn kind(word: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| {
        let whole = kind.word();
        word == whole || word == &whole[..1]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_clients_is_known() {
        let words = ["identify", "track", "page", "screen", "group", "alias"];
        for (n, word) in words.iter().enumerate() {
            let one = Some(Route::Track(Call::One(Kind::ALL[n])));
            for path in [
                format!("/v1/{word}"),
                format!("/v1/{}", &word[..1]),
                format!("/api/s/{word}"),
                format!("/api/s/s2s/{word}"),
                format!("//v1/{word}/"),
            ] {
                assert_eq!(Route::of(&path), one, "{path}");
            }
        }
        for path in ["/v1/batch", "/v1/b", "/beacon/v1/batch", "//v1//batch/"] {
            assert_eq!(Route::of(path), Some(Route::Track(Call::Batch)), "{path}");
        }
        assert_eq!(Route::of("/pixel/v1/page"), Some(Route::Pixel(Kind::Page)));
        assert_eq!(Route::of("/sourceConfig/"), Some(Route::SourceConfig));
        let hook = Route::of("/v1/hooks/shop/");
        assert_eq!(hook, Some(Route::Hook("shop".into())));
        assert!(hook.is_some_and(|hook| hook.answers("HEAD") && !hook.answers("PUT")));
        let page = Route::of("/unsubscribe/AAAA");
        assert_eq!(page, Some(Route::Person(Page::Unsubscribe, "AAAA".into())));
        let settings = Route::of("/v1/projects/KEY/settings");
        assert_eq!(settings, Some(Route::Settings("KEY".into())));
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
