//! From the wire types to a compiled [`Environment`]: names become indices, operators and their texts become predicates,
//! and a warning names each part that will never match.

mod contexts;
mod cost;
mod document;
mod interned;
mod limits;
mod order;
mod segments;
mod shares;
mod states;
mod usage;

pub use usage::Usage;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

pub use self::cost::Cost;
use self::interned::{index, span};
use self::segments::Compiler;
use self::states::state;
use crate::compiled::environment::{Environment, Feature, IdentityOverride, Segment, Span};
use crate::compiled::property::{Field, Property, Target};
use crate::error::{InputError, Warning};
use crate::options::Options;
use crate::pattern::PatternCache;
use crate::wire::context::{Context, FeatureContext, SegmentContext};
use crate::wire::json::experiment;

/// The JSON that the caller writes of a feature in its default state. The engine carries it and never reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultJson {
    pub json: String,
    /// The length in bytes of the part at its front that is the same in every state of the feature.
    pub prefix_len: usize,
}

/// What is compiled: a context without its identity, or a document.
struct EnvironmentSource<'a> {
    key: &'a str,
    name: &'a str,
    features: Vec<FeatureSource<'a>>,
    segments: Vec<&'a SegmentContext>,
    /// Identifiers and their overrides. Of several overrides of one feature for one identifier, the first counts.
    identity_overrides: Vec<(&'a str, Vec<FeatureContext>)>,
}

struct FeatureSource<'a> {
    context: &'a FeatureContext,
    default_json: DefaultJson,
    server_only: bool,
}

impl Context {
    /// Compiles the environment of this context; its identity is [`Context::identity`].
    ///
    /// # Errors
    /// An [`InputError`] that names the limit that was passed.
    pub fn compile(&self, options: Options) -> Result<(Environment, Vec<Warning>), InputError> {
        self.compile_with(&mut PatternCache::default(), options)
    }

    /// As [`Context::compile`], with patterns that were built before.
    ///
    /// # Errors
    /// As [`Context::compile`].
    pub fn compile_with(
        &self,
        patterns: &mut PatternCache,
        options: Options,
    ) -> Result<(Environment, Vec<Warning>), InputError> {
        // A feature is known by its name, whatever its label in the map is. The last one of a name counts.
        let features = self.features.values().enumerate();
        let by_name: BTreeMap<&str, usize> =
            features.clone().map(|(index, feature)| (feature.name.as_str(), index)).collect();
        let last_of_its_name =
            features.filter(|(index, feature)| by_name.get(feature.name.as_str()) == Some(index));
        let sources = last_of_its_name.map(|(_, context)| FeatureSource {
            context,
            default_json: DefaultJson::default(),
            server_only: false,
        });
        compile(
            &EnvironmentSource {
                key: &self.environment.key,
                name: &self.environment.name,
                features: sources.collect(),
                segments: self.segments.values().collect(),
                identity_overrides: Vec::new(),
            },
            options,
            patterns,
        )
    }
}

fn compile(
    source: &EnvironmentSource<'_>,
    options: Options,
    patterns: &mut PatternCache,
) -> Result<(Environment, Vec<Warning>), InputError> {
    limits::check(source)?;
    let mut compiler = Compiler::new(source, options.anchoring, patterns);
    let segments: Vec<Segment> = source.segments.iter().map(|segment| compiler.segment(segment)).collect();
    let identity_overrides = compiler.identity_overrides(&source.identity_overrides);
    let (features, default_json) = features(source, &segments, &identity_overrides);
    let mut environment = Environment {
        key: source.key.to_string(),
        name: source.name.to_string(),
        features,
        default_json,
        segments,
        rules: compiler.rules,
        conditions: compiler.conditions,
        properties: compiler.properties.values,
        categories: compiler.patterns.categories(),
        patterns: compiler.patterns.values,
        identity_overrides,
        texts: compiler.texts,
    };
    if options.omit_metadata {
        remove_metadata(&mut environment);
    }
    Ok((environment, compiler.warnings))
}

/// The compiled features, and their default JSON joined with commas.
fn features(
    source: &EnvironmentSource<'_>,
    segments: &[Segment],
    identity_overrides: &[IdentityOverride],
) -> (Vec<Feature>, String) {
    let mut overriding: Vec<Vec<u32>> = vec![Vec::new(); source.features.len()];
    for (segment, index) in segments.iter().zip(0..) {
        for overridden in &segment.overrides {
            let overriding = &mut overriding[overridden.feature as usize];
            if overriding.last() != Some(&index) {
                overriding.push(index);
            }
        }
    }
    let of_identities = identity_overrides.iter().flat_map(|identity| &identity.overrides);
    let of_identities: BTreeSet<u32> = of_identities.map(|overridden| overridden.feature).collect();
    let mut joined = String::new();
    let features = source.features.iter().zip(overriding).zip(0..);
    let features = features.map(|((feature, overriding), at)| Feature {
        name: feature.context.name.clone(),
        default_json: append(&mut joined, &feature.default_json.json),
        json_prefix_len: index(feature.default_json.prefix_len),
        server_only: feature.server_only,
        targeted: !overriding.is_empty() || of_identities.contains(&at),
        default: state(feature.context),
        overriding,
    });
    (features.collect(), joined)
}

/// Appends a text to those before it, after a comma.
fn append(joined: &mut String, text: &str) -> Span {
    if !joined.is_empty() {
        joined.push(',');
    }
    joined.push_str(text);
    span(joined.len() - text.len(), text.len())
}

/// Removes all metadata, unless a condition reads some, but for experiments, which answers show.
fn remove_metadata(environment: &mut Environment) {
    let reads_metadata = |property: &Property| {
        matches!(&property.target, Some(Target::Flag { field: Field::Metadata(_), .. }))
    };
    if environment.properties.iter().any(reads_metadata) {
        return;
    }
    let segment_overrides = environment.segments.iter_mut().flat_map(|segment| {
        segment.metadata = None;
        &mut segment.overrides
    });
    let identity_overrides =
        environment.identity_overrides.iter_mut().flat_map(|identity| &mut identity.overrides);
    let overrides = segment_overrides.chain(identity_overrides).map(|overridden| &mut overridden.state);
    let defaults = environment.features.iter_mut().map(|feature| &mut feature.default);
    for state in overrides.chain(defaults) {
        state.metadata = state.metadata.take().filter(|metadata| experiment(metadata).is_some());
    }
}
