//! Parts of streams: cache objects that are read while they are written.

use std::io::Write as _;
use std::time::Duration;

use api::pop::ports::PortError;
use api::relay::ports::{PartState, Parts};
use fastly::cache::core::{self, Transaction};
use fastly::http::body::StreamingBody;
use fastly::{Body, Response};

use super::cache::cache_key;
use super::{Host, port_error};

impl Parts for Host {
    type Obligation = Transaction;
    type Part = Body;
    type Writer = StreamingBody;

    fn look_up_part(&self, name: &str, wait: Duration) -> Result<PartState<Transaction, Body>, PortError> {
        let transaction = Transaction::lookup(cache_key(name)).timeout(wait).execute().map_err(port_error)?;
        if transaction.must_insert_or_update() {
            return Ok(PartState::Vacant(transaction));
        }
        let found =
            transaction.found().ok_or_else(|| PortError("neither there nor to be inserted".into()))?;
        let over = found.known_length().is_some();
        let part = found.to_stream().map_err(port_error)?;
        Ok(PartState::Taken { part, over })
    }

    fn starts_with(&self, part: &mut Body, first: &str) -> bool {
        part.try_get_prefix_mut(first.len()).is_ok_and(|start| start.as_slice() == first.as_bytes())
    }

    fn begin_part(
        &self,
        obligation: Transaction,
        name: &str,
        joinable: Duration,
        first: &str,
    ) -> Result<(StreamingBody, Body), PortError> {
        let insertion = obligation.insert(joinable).surrogate_keys([name]);
        let (mut writer, found) = insertion.execute_and_stream_back().map_err(port_error)?;
        self.write(&mut writer, first)?;
        Ok((writer, found.to_stream().map_err(port_error)?))
    }

    fn replace_part(&self, name: &str, joinable: Duration, first: &str) -> Result<StreamingBody, PortError> {
        let insertion = core::insert(cache_key(name), joinable).surrogate_keys([name]);
        let mut writer = insertion.execute().map_err(port_error)?;
        self.write(&mut writer, first)?;
        Ok(writer)
    }

    fn answer_with_part(&self, head: http::Response<()>, prefix: String, part: Body) {
        let mut body = Body::from(prefix);
        body.append(part);
        Response::from(head.map(|()| body)).send_to_client();
    }

    fn answer_alone(&self, head: http::Response<()>, first: &str) -> Result<StreamingBody, PortError> {
        let mut writer = Response::from(head.map(|()| Body::new())).stream_to_client();
        self.write(&mut writer, first)?;
        Ok(writer)
    }

    fn write(&self, writer: &mut StreamingBody, frame: &str) -> Result<(), PortError> {
        writer.write_all(frame.as_bytes()).and_then(|()| writer.flush()).map_err(port_error)
    }

    fn finish(&self, writer: StreamingBody) -> Result<(), PortError> {
        writer.finish().map_err(port_error)
    }
}
