//! Which environment an engine belongs to, and why.

use std::cell::OnceCell;

use super::file::Layer;
use super::preset;

/// What is known of the place a command would act on.
pub struct Place<'a> {
    pub context: String,
    /// The endpoint, such as `tcp://10.0.0.1:2376`.
    pub host: String,
    /// The name or address in the endpoint; empty for a local socket.
    pub address: String,
    /// This machine's name.
    pub hostname: String,
    /// Whether `CI` is set.
    pub ci: bool,
    /// Why it is not known which engine this is, where docker's own files do not say.
    pub unclear: Option<String>,
    /// The engine's labels, asked at the first look.
    labels: OnceCell<Vec<String>>,
    ask: Box<dyn Fn() -> Vec<String> + 'a>,
}

impl<'a> Place<'a> {
    pub fn new(
        context: &str,
        host: &str,
        address: &str,
        hostname: &str,
        ci: bool,
        ask: impl Fn() -> Vec<String> + 'a,
    ) -> Place<'a> {
        Place {
            context: context.to_owned(),
            host: host.to_owned(),
            address: address.to_owned(),
            hostname: hostname.to_owned(),
            ci,
            unclear: None,
            labels: OnceCell::new(),
            ask: Box::new(ask),
        }
    }

    /// The same where it may be another engine: every environment could be its own.
    pub fn unclear(self, why: Option<String>) -> Place<'a> {
        Place { unclear: why, ..self }
    }

    pub fn labels(&self) -> &[String] {
        self.labels.get_or_init(|| (self.ask)())
    }
}

/// An environment's name, the preset it begins with, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    pub name: String,
    pub preset: String,
    /// For a person: `the context's name has "prod"`.
    pub because: String,
    /// The file and line that assigned it, where one did.
    pub source: Option<String>,
}

impl Environment {
    fn built_in(name: &str, because: String) -> Environment {
        Environment { name: name.to_owned(), preset: name.to_owned(), because, source: None }
    }
}

/// The environments that an engine may belong to, the strictest last; more than one only where it is not known which engine it
/// is.
pub fn possible(layers: &[Layer], place: &Place) -> Vec<Environment> {
    let Some(why) = &place.unclear else { return vec![known(layers, place)] };
    let mut all: Vec<Environment> = layers
        .iter()
        .flat_map(|layer| layer.file.environments.iter().map(move |(name, it)| (layer, name, it)))
        .map(|(layer, name, it)| {
            let source = layer.at(it.span().start);
            let preset = it.get_ref().preset_or(name);
            let because = format!("which engine this is, is not known: {why}; {source} may be it");
            Environment { name: name.clone(), preset, because, source: Some(source) }
        })
        .collect();
    all.push(Environment::built_in("prod", format!("which engine this is, is not known: {why}")));
    // Among equals the built-in one is named: nothing says that it is the other.
    all.sort_by_key(|environment| strictness(&environment.preset));
    all
}

/// The environment that is shown and named: the strictest that is possible.
pub fn of(layers: &[Layer], place: &Place) -> Environment {
    possible(layers, place).pop().unwrap_or_else(|| built_in(place))
}

/// The strictest environment of the files that fits; else what the names say; else `ci` or `dev`.
fn known(layers: &[Layer], place: &Place) -> Environment {
    // The system's file is asked first: the user's cannot move an engine out of what it says.
    for layer in layers {
        let mut fitting: Vec<Environment> = layer
            .file
            .environments
            .iter()
            .filter_map(|(name, it)| {
                let environment = it.get_ref();
                let because = environment.fits(place)?;
                let source = layer.at(it.span().start);
                Some(Environment {
                    name: name.clone(),
                    preset: environment.preset_or(name),
                    because: format!("{because}, {source}"),
                    source: Some(source),
                })
            })
            .collect();
        fitting.sort_by_key(|environment| strictness(&environment.preset));
        if let Some(strictest) = fitting.pop() {
            return strictest;
        }
    }
    built_in(place)
}

/// The environment with a name, chosen by hand.
pub fn named(layers: &[Layer], name: &str) -> Option<Environment> {
    let from_file = layers.iter().find_map(|layer| layer.file.environments.get(name));
    let preset_name = match from_file {
        Some(it) => it.get_ref().preset_or(name),
        None => preset(name)?.name.to_owned(),
    };
    let because = "it was named".to_owned();
    Some(Environment { name: name.to_owned(), preset: preset_name, because, source: None })
}

fn strictness(name: &str) -> usize {
    ["dev", "ci", "prod"].iter().position(|known| *known == name).unwrap_or(0)
}

fn built_in(place: &Place) -> Environment {
    let named = [
        ("the context's name", &place.context),
        ("the endpoint's name", &place.address),
        ("this machine's name", &place.hostname),
    ];
    for (what, text) in named {
        if let Some(word) = words_of_production(text) {
            return Environment::built_in("prod", format!("{what} has {word:?}"));
        }
    }
    for label in place.labels() {
        if let Some(word) = words_of_production(label) {
            return Environment::built_in("prod", format!("the engine's label {label} has {word:?}"));
        }
    }
    if place.ci {
        return Environment::built_in("ci", "CI is set".to_owned());
    }
    Environment::built_in("dev", "nothing says otherwise".to_owned())
}

/// The word in a name that says it is production, if there is one. Words end at anything but letters, so that
/// `prod-db-2` and `prod2` have it and `products` has not.
pub fn words_of_production(name: &str) -> Option<&str> {
    name.split(|letter: char| !letter.is_alphabetic())
        .find(|word| ["prod", "production", "live"].iter().any(|known| word.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_is_a_word() {
        for name in ["prod", "prod-db-2", "db.prod.example.com", "web_PROD", "production", "live1", "env=production"] {
            assert!(words_of_production(name).is_some(), "{name}");
        }
        for name in ["products", "reproduce", "delivery", "alive", "dev", "preprod"] {
            assert!(words_of_production(name).is_none(), "{name}");
        }
    }

    #[test]
    fn an_engine_that_is_not_known_may_be_production() {
        let text = "[environments.lab]\npreset = \"dev\"\ncontext = \"*\"\n[environments.vault]\npreset = \"prod\"\nhost = \"tcp://v\"\n";
        let layer = crate::policy::parse_layer(std::path::Path::new("p.toml"), true, text).unwrap();
        let place = Place::new("default", "", "", "laptop", true, Vec::new);
        assert_eq!(of(std::slice::from_ref(&layer), &place).name, "lab");
        let place = place.unclear(Some("config.json cannot be read".to_owned()));
        let names: Vec<String> = possible(&[layer], &place).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["lab", "vault", "prod"]);
        assert_eq!(of(&[], &place).because, "which engine this is, is not known: config.json cannot be read");
    }

    #[test]
    fn production_comes_before_ci() {
        let place = Place::new("prod", "", "", "", true, Vec::new);
        assert_eq!(of(&[], &place).name, "prod");
        let place = Place::new("default", "", "", "laptop", true, Vec::new);
        assert_eq!(of(&[], &place).name, "ci");
        let place = Place::new("default", "", "", "laptop", false, || vec!["tier=live".to_owned()]);
        assert_eq!(of(&[], &place).because, "the engine's label tier=live has \"live\"");
    }
}
