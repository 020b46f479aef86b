//! `PUT /api/v1/traits/bulk/`: traits of several identities; and `POST` and `PUT /api/v1/bulk-identities/`: several
//! identities, whose traits are replaced or merged.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use super::super::Call;
use super::super::error::RequestError;
use super::super::fields::{each_item, first_items, present, read_json, whole};
use super::super::limits::{IDENTITIES_LIMIT, TRAITS_LIMIT};
use super::super::traits;
use super::one::{self, given_identifier, object};
use super::{Changes, check_stored};
use crate::access::Access;
use crate::identity::{Change, Update};
use crate::reply::Reply;
use crate::store::{Body, Store};

/// Changes of several identities, each once, in the order in which they come first.
#[derive(Default)]
struct Gathered {
    all: Vec<(String, Vec<Update>)>,
    places: BTreeMap<String, usize>,
}

pub(in super::super) fn traits<S: Store>(
    call: &Call<'_>,
    body: &mut dyn Body,
    access: &Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    check_stored(access, call.settings)?;
    let body = read_json(call.request.headers(), body)?;
    let list = whole(&body)?;
    if !access.may_store_traits() {
        return Err(RequestError::detail("Unable to set traits with client key."));
    }
    if !list.get().starts_with('[') {
        return Err(RequestError::detail("Invalid request data"));
    }
    let items = first_items(list, TRAITS_LIMIT);
    if items.are_more {
        let message = format!("Ensure this field has no more than {TRAITS_LIMIT} elements.");
        return Err(RequestError::Invalid(json!({ "non_field_errors": [message] })));
    }
    if items.items.iter().any(|item| !item.get().starts_with('{')) {
        return Err(RequestError::detail("Invalid request data"));
    }
    let sent = each_item(items.items, |item| one::read(item, true));
    let sent = sent.map_err(|errors| RequestError::Invalid(errors.into()))?;
    let mut gathered = Gathered::default();
    for one in &sent {
        gathered.of(&one.identifier).push(one.update());
    }
    gathered.check()?;
    let mut changes = Changes::begin(call, access, store, gathered.all.len())?;
    for (identifier, updates) in gathered.all {
        changes.store(&identifier, &Change::Merge(updates))?;
    }
    let set: Vec<String> = sent.iter().filter(|one| one.json.is_some()).map(one::OneTrait::json).collect();
    Ok(Reply::json(StatusCode::OK, format!("[{}]", set.join(",")).into_bytes()))
}

pub(in super::super) fn identities<S: Store>(
    call: &Call<'_>,
    body: &mut dyn Body,
    access: &Access<S::Handle>,
    store: &mut S,
) -> Result<Reply<S::Handle>, RequestError> {
    // For the Go SDK, 404 is a server without this route.
    check_stored(access, call.settings).map_err(|_| RequestError::NotFound)?;
    let body = read_json(call.request.headers(), body)?;
    let whole = whole(&body)?;
    let sent = read(whole)?;
    if !access.may_store_traits() {
        return Err(super::forbidden());
    }
    let mut gathered = Gathered::default();
    for (identifier, updates) in sent {
        gathered.of(&identifier).extend(updates);
    }
    let mut changes = Changes::begin(call, access, store, gathered.all.len())?;
    for (identifier, updates) in gathered.all {
        let is_merge = call.request.method() == Method::PUT;
        let change = if is_merge { Change::Merge(updates) } else { Change::Replace(updates) };
        changes.store(&identifier, &change)?;
    }
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

impl Gathered {
    fn of(&mut self, identifier: &str) -> &mut Vec<Update> {
        let place = *self.places.entry(identifier.to_owned()).or_insert(self.all.len());
        if place == self.all.len() {
            self.all.push((identifier.to_owned(), Vec::new()));
        }
        &mut self.all[place].1
    }

    /// Each identity is a write of the store.
    fn check(&self) -> Result<(), RequestError> {
        if self.all.len() > IDENTITIES_LIMIT { Err(too_many()) } else { Ok(()) }
    }
}

fn too_many() -> RequestError {
    RequestError::Text(format!("Number of identities must not be more than {IDENTITIES_LIMIT}"))
}

/// Reads identities with their traits.
fn read(whole: &RawValue) -> Result<Vec<(String, Vec<Update>)>, RequestError> {
    #[derive(Deserialize)]
    struct Whole<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        data: Option<&'a RawValue>,
    }
    let data = object::<Whole<'_>>(whole).map_err(RequestError::Invalid)?.data;
    let wrong = |errors: Json| RequestError::Invalid(json!({ "data": errors }));
    let Some(data) = data.filter(|data| data.get().starts_with('[')) else {
        return Err(wrong(data.map_or_else(super::required, |_| json!(["Expected a list of items."]))));
    };
    let items = first_items(data, IDENTITIES_LIMIT);
    if items.are_more {
        return Err(too_many());
    }
    each_item(items.items, identity).map_err(|errors| wrong(errors.into()))
}

fn identity(item: &RawValue) -> Result<(String, Vec<Update>), Json> {
    #[derive(Deserialize)]
    struct Raw<'a> {
        #[serde(borrow, default, deserialize_with = "present")]
        identifier: Option<&'a RawValue>,
        #[serde(borrow, default)]
        traits: Option<&'a RawValue>,
    }
    let raw: Raw<'_> = object(item)?;
    let identifier = given_identifier(raw.identifier).map_err(|errors| json!({ "identifier": errors }))?;
    let sent = raw.traits.map_or(Ok(Vec::new()), traits::list).map_err(|error| match error {
        RequestError::Invalid(errors) => errors,
        _ => Json::Null,
    })?;
    Ok((identifier, sent.iter().filter(|sent| !sent.transient).map(traits::Trait::update).collect()))
}
