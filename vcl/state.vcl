# Where a request is: at the edge or at the shield, restarted or not. Tests replace these functions.

# Whether the request is of a client; else it is of another POP, and this POP is its shield. Valid only in vcl_recv and
# vcl_deliver: elsewhere the request may be of a server of the same POP.
sub state_is_edge BOOL {
  if (fastly.ff.visits_this_service == 0) {
    return true;
  }
  return false;
}

sub state_is_restarted BOOL {
  if (req.restarts > 0) {
    return true;
  }
  return false;
}
