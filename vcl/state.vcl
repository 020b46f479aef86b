# Where a request is on its way. Tests put answers of their own in place of these.

# Whether a client asks; else another POP does, and this is its shield. Only in vcl_recv and vcl_deliver: elsewhere a server
# of the same POP may ask too.
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
