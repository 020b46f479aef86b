//! Who may see which flag. The one place that decides it: the finished lists and every answer for an identity ask here.

use engine::Flag;

use crate::key::KeyKind;

/// Whether the holder of a key of this kind sees a flag, after it was evaluated. `hide_disabled` is the environment's
/// switch, which counts for keys of both kinds.
pub(crate) fn is_visible(flag: &Flag<'_>, kind: KeyKind, hide_disabled: bool) -> bool {
    let for_servers_only = flag.server_only() && kind == KeyKind::Client;
    let hidden_as_disabled = hide_disabled && !flag.enabled();
    !for_servers_only && !hidden_as_disabled
}
