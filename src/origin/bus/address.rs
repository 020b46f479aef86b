//! Where the bus is: a URL such as `redis://HOST:PORT/DB`, and the password for it.

use std::fmt;

use api::Secret;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

/// A Redis server, or what speaks as one, such as Valkey. Neither `Debug` nor `Display` shows the password.
#[derive(Clone)]
pub struct BusAddress(ConnectionInfo);

/// What is wrong with a text that should be the URL of a bus. It never shows the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusAddressError {
    #[error("the URL of the bus does not start with `redis://` or `rediss://`")]
    Scheme,
    #[error("the URL of the bus is not of the form redis://HOST:PORT/DB")]
    Form,
}

impl BusAddress {
    /// Of `redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]`, or of `rediss://…` for a connection by TLS.
    ///
    /// # Errors
    ///
    /// If the text has another form.
    pub fn parse(text: &str) -> Result<Self, BusAddressError> {
        if !["redis://", "rediss://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(BusAddressError::Scheme);
        }
        let info = text.into_connection_info().map_err(|_| BusAddressError::Form)?;
        // In the older protocol a connection that has subscribed hears nothing else, in every version of Redis.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
        Ok(Self(info.set_redis_settings(settings)))
    }

    /// Whether the URL held a password, as one on a command line never should: others on the machine may read it there.
    pub fn has_password(&self) -> bool {
        self.0.redis_settings().password().is_some()
    }

    /// The same address with this password in the place of any other.
    #[must_use]
    pub fn with_password(self, password: &Secret) -> Self {
        let settings = self.0.redis_settings().clone().set_password(password.reveal());
        Self(self.0.set_redis_settings(settings))
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.0
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self.0.addr(), ConnectionAddr::TcpTls { .. })
    }

    /// The number of the database. Keys are apart between databases, and channels are not.
    pub(crate) fn database(&self) -> i64 {
        self.0.redis_settings().db()
    }
}

impl fmt::Display for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted() { "rediss" } else { "redis" };
        write!(f, "{scheme}://{}/{}", self.0.addr(), self.database())
    }
}

impl fmt::Debug for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BusAddress({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("redis://127.0.0.1", Ok(("redis://127.0.0.1:6379/0", false))),
            ("redis://redis.example:6380/2", Ok(("redis://redis.example:6380/2", false))),
            ("redis://jackstaff@redis.example", Ok(("redis://redis.example:6379/0", false))),
            ("redis://:s3cret@redis.example", Ok(("redis://redis.example:6379/0", true))),
            ("rediss://jackstaff:s3cret@redis.example/1", Ok(("rediss://redis.example:6379/1", true))),
            ("", Err(BusAddressError::Scheme)),
            ("redis.example:6379", Err(BusAddressError::Scheme)),
            ("http://redis.example", Err(BusAddressError::Scheme)),
            ("redis+unix:///run/redis.sock", Err(BusAddressError::Scheme)),
            ("redis://", Err(BusAddressError::Form)),
            ("redis://:s3cret@redis.example:port", Err(BusAddressError::Form)),
            ("redis://redis.example/first", Err(BusAddressError::Form)),
        ] {
            let parsed = BusAddress::parse(text);
            let got = parsed.as_ref().map(|address| (address.to_string(), address.has_password()));
            let expected = expected.map(|(shown, password): (&str, bool)| (shown.to_owned(), password));
            assert_eq!(got.map_err(|error| *error), expected, "{text}");
            assert!(!format!("{parsed:?}").contains("s3cret"), "{parsed:?}");
        }
    }

    #[test]
    fn a_password_from_elsewhere() {
        let address = BusAddress::parse("redis://:other@redis.example").unwrap();
        let address = address.with_password(&Secret::parse("s3cret").unwrap());
        assert_eq!(address.info().redis_settings().password(), Some("s3cret"));
        assert_eq!(format!("{address:?}"), "BusAddress(redis://redis.example:6379/0)");
    }
}
