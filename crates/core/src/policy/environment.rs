//! Which environment an engine belongs to, and why.

use super::file::PolicyLayer;
use super::place::EnginePlace;
use super::preset;
use crate::engine::Labels;
use crate::order::PutInOrder as _;

/// An environment's name, the preset it begins with, and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// The preset that it stands on: `dev`, `ci` or `prod`.
    pub preset: String,
    /// For a person: `the context's name has "prod"`.
    pub because: String,
    /// The file and line that assigned it, where one did.
    pub source: Option<String>,
    /// The engine's labels are not known, and could make it production.
    pub open: bool,
}

impl Environment {
    fn built_in(name: &str, because: String) -> Environment {
        Environment { name: name.to_owned(), preset: name.to_owned(), because, source: None, open: false }
    }
}

/// The environments that an engine may belong to, the strictest last; more than one only where it is not known which engine it
/// is, or which labels or id it has.
pub fn possible(layers: &[PolicyLayer], place: &EnginePlace) -> Vec<Environment> {
    let Some(why) = &place.unclear else { return by_what_is_known(layers, place) };
    let mut all: Vec<Environment> = layers
        .iter()
        .flat_map(|layer| layer.file.environments.iter().map(move |(name, it)| (layer, name, it)))
        .map(|(layer, name, it)| {
            let source = layer.at(it.span().start);
            let preset = it.get_ref().preset_or(name);
            let because = format!("it is not known which engine this is: {why}; {source} may be it");
            Environment { name: name.clone(), preset, because, source: Some(source), open: false }
        })
        .collect();
    all.push(Environment::built_in("prod", format!("it is not known which engine this is: {why}")));
    // Among equals the built-in one is named: nothing says that it is the other.
    all.put_in_order_by_key(|environment| strictness(&environment.preset));
    all
}

/// The same with production where labels that are not known could make it that.
pub fn all_possible(layers: &[PolicyLayer], place: &EnginePlace) -> Vec<Environment> {
    let mut all = possible(layers, place);
    if all.iter().any(|it| it.open) {
        all.push(production());
    }
    all
}

/// The environment that is shown and named: the strictest that is possible.
pub fn of(layers: &[PolicyLayer], place: &EnginePlace) -> Environment {
    possible(layers, place).pop().unwrap_or_else(|| built_in(place))
}

/// The environments of the files that fit; else what the names and labels say; else `ci` or `dev`. Where the labels or the id
/// are not known, every environment that they could choose is one of them.
fn by_what_is_known(layers: &[PolicyLayer], place: &EnginePlace) -> Vec<Environment> {
    let mut all: Vec<Environment> = Vec::new();
    let mut fits = false;
    // Each file can make of the engine what is stricter. Among equals the last one is shown: the system's.
    for layer in layers.iter().rev() {
        for (name, it) in &layer.file.environments {
            let environment = it.get_ref();
            let source = layer.at(it.span().start);
            let (because, certain) = match environment.fits(place) {
                Some(because) => (format!("{because}, {source}"), true),
                None => match environment.may_fit(place) {
                    Some(why) => (format!("{why}; {source} may be it"), false),
                    None => continue,
                },
            };
            fits |= certain;
            let preset = environment.preset_or(name);
            let source = Some(source);
            all.push(Environment { name: name.clone(), preset, because, source, open: !certain });
        }
    }
    if !fits {
        all.push(built_in(place));
    }
    all.put_in_order_by_key(|environment| strictness(&environment.preset));
    all
}

/// The environment with a name, chosen by hand.
pub fn named(layers: &[PolicyLayer], name: &str) -> Option<Environment> {
    let from_file = layers.iter().find_map(|layer| layer.file.environments.get(name));
    let preset_name = match from_file {
        Some(it) => it.get_ref().preset_or(name),
        None => preset(name)?.name.to_owned(),
    };
    let because = "named with --environment".to_owned();
    Some(Environment { name: name.to_owned(), preset: preset_name, because, source: None, open: false })
}

/// How strict a preset is: the higher, the stricter.
pub fn strictness(name: &str) -> usize {
    ["dev", "ci", "prod"].iter().position(|known| *known == name).unwrap_or(0)
}

fn built_in(place: &EnginePlace) -> Environment {
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
    let labels = place.labels();
    for label in labels.known() {
        if let Some(word) = words_of_production(label) {
            let when = match labels {
                Labels::Remembered { ago, why, .. } => format!(", as it said {ago}; now: {why}"),
                _ => String::new(),
            };
            return Environment::built_in("prod", format!("the engine's label {label} has {word:?}{when}"));
        }
    }
    let (name, because) = if place.ci { ("ci", "CI is set") } else { ("dev", "no sign of production or CI") };
    match labels.open() {
        None => Environment::built_in(name, because.to_owned()),
        Some(why) => {
            let because = format!("{because}, but the engine's labels are not known: {why}");
            Environment { open: true, ..Environment::built_in(name, because) }
        }
    }
}

/// What production is where nothing but the built-in presets and the rules of the files say what that means.
pub fn production() -> Environment {
    Environment::built_in("prod", "it may be production".to_owned())
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
        let place = EnginePlace::new("default", "", "", "laptop", true, || Labels::NoEngine);
        assert_eq!(of(std::slice::from_ref(&layer), &place).name, "lab");
        let place = place.unclear(Some("config.json cannot be read".to_owned()));
        let names: Vec<String> = possible(&[layer], &place).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["lab", "vault", "prod"]);
        assert_eq!(of(&[], &place).because, "it is not known which engine this is: config.json cannot be read");
    }

    #[test]
    fn labels_that_are_not_known_may_be_any() {
        let text = "[environments.lab]\npreset = \"ci\"\nlabels = \"lab*\"\n[environments.vault]\npreset = \"prod\"\nlabels = \"tier=*\"\n";
        let layer = crate::policy::parse_layer(std::path::Path::new("p.toml"), true, text).unwrap();
        let unknown = || Labels::Unknown("nothing came".to_owned());
        let place = EnginePlace::new("default", "", "", "laptop", false, unknown);
        let names: Vec<String> = possible(std::slice::from_ref(&layer), &place).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["dev", "lab", "vault"]);
        assert!(of(&[layer], &place).because.contains("labels are not known: nothing came"));
        let alone = of(&[], &place);
        assert!(alone.open && alone.because.contains("labels are not known"), "{alone:?}");
        let remembered = || Labels::Remembered {
            labels: vec!["env=prod".to_owned()],
            ago: "1 hour ago".to_owned(),
            why: "x".to_owned(),
        };
        assert_eq!(of(&[], &EnginePlace::new("default", "", "", "laptop", false, remembered)).name, "prod");
    }

    #[test]
    fn production_comes_before_ci() {
        let place = EnginePlace::new("prod", "", "", "", true, || Labels::NoEngine);
        assert_eq!(of(&[], &place).name, "prod");
        let place = EnginePlace::new("default", "", "", "laptop", true, || Labels::NoEngine);
        assert_eq!(of(&[], &place).name, "ci");
        let place =
            EnginePlace::new("default", "", "", "laptop", false, || Labels::Known(vec!["tier=live".to_owned()]));
        assert_eq!(of(&[], &place).because, "the engine's label tier=live has \"live\"");
    }
}
