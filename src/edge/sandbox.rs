//! What one sandbox keeps between its requests: settings, and the environment that it decoded last. Nothing about a
//! client.

use std::rc::Rc;
use std::time::{Duration, Instant};

use api::Settings;
use fastly::ConfigStore;

use crate::names::{CONFIG_STORE, SETTINGS};
use crate::opened::Opened;
use crate::pop::{Decoded, Noted};

/// How long settings are kept: an execution may look into config stores 32 times only.
const SETTINGS_KEPT: Duration =
    if cfg!(feature = "local-api") { Duration::ZERO } else { Duration::from_secs(10) };

#[derive(Default)]
pub(crate) struct Sandbox {
    settings: Option<(Instant, Rc<Settings>)>,
    /// The note that was read last, so that an unchanged one need not be read again.
    pub(crate) noted: Option<Noted>,
    /// The copy that the request at hand opened.
    pub(crate) opened: Option<Opened>,
    pub(crate) decoded: Option<Decoded>,
}

impl Sandbox {
    pub(crate) fn settings(&self) -> Rc<Settings> {
        self.settings.as_ref().map(|(_, settings)| Rc::clone(settings)).unwrap_or_default()
    }

    /// Makes it as it was at its first request, but for the settings.
    #[cfg(feature = "local-api")]
    pub(crate) fn forget(&mut self) {
        *self = Sandbox { settings: self.settings.take(), ..Sandbox::default() };
    }

    /// Reads the settings, if those at hand are too old. A store that fails leaves what was there.
    pub(crate) fn load_settings(&mut self) {
        if self.settings.as_ref().is_some_and(|(read, _)| read.elapsed() < SETTINGS_KEPT) {
            return;
        }
        let text = ConfigStore::try_open(CONFIG_STORE).map(|store| store.try_get(SETTINGS));
        let settings = match text {
            Ok(Ok(Some(text))) => {
                let (settings, complaints) = Settings::parse(&text);
                for complaint in complaints {
                    eprintln!("jackstaff: {complaint}");
                }
                Rc::new(settings)
            }
            Ok(Ok(None)) => Rc::default(),
            Ok(Err(error)) => self.kept(&error),
            Err(error) => self.kept(&error),
        };
        self.settings = Some((Instant::now(), settings));
    }

    fn kept(&self, error: &dyn std::fmt::Display) -> Rc<Settings> {
        eprintln!("jackstaff: settings could not be read: {error}");
        self.settings()
    }
}
