# A part of a stream: one response of the origin that is handed on as it comes, to whoever asks while it is fresh.
#
# It must never be fresh once it is over, or it would be answered whole, at once, again and again. Three things see to it:
# - The origin lets it be joined (`max-age`) for three eighths of the time that it lasts.
# - Behind a shield, what passed there already (`Age`) is taken off; even if it were not, twice three eighths are less
#   than the whole.
# - A fetch that is cut off because the origin fell silent counts as one that ended. That takes 30 s (below), and nothing
#   is fresh for longer than 20 s.
# A fetch that breaks is no response, and is not kept.

sub stream_part_miss {
  set bereq.connect_timeout = 2s;
  # The origin answers at once.
  set bereq.first_byte_timeout = 5s;
  # It sends a comment every 10 s.
  set bereq.between_bytes_timeout = 30s;
}

sub stream_part_fetch {
  declare local var.longest RTIME;
  if (beresp.status == 200 && beresp.http.Content-Type ~ "^text/event-stream") {
    set beresp.cacheable = true;
    # From `Cache-Control` and `Age`, as it comes.
    set var.longest = 20s;
    set var.longest -= std.atoi(beresp.http.Age);
    if (beresp.ttl > var.longest) {
      set beresp.ttl = var.longest;
    }
    # An origin that does not say how long its stream can be joined (one without --stream-seconds) still serves a rush by one
    # connection. And so does a part that came from the shield in its last moment.
    if (beresp.http.Cache-Control !~ "max-age=[0-9]" || beresp.ttl < 1s) {
      set beresp.ttl = 1s;
    }
    # A stale stream is one that is over.
    set beresp.grace = 0s;
    set beresp.stale_while_revalidate = 0s;
    set beresp.stale_if_error = 0s;
    # Each byte as it comes, and as it is.
    set beresp.do_stream = true;
    set beresp.gzip = false;
    set beresp.brotli = false;
    # One object for all.
    unset beresp.http.Vary;
    unset beresp.http.Set-Cookie;
    unset beresp.http.Expires;
    unset beresp.http.Surrogate-Control;
    set beresp.http.Surrogate-Key = "stream stream/" regsub(req.url.path, "^/sse/environments/([^/]+)/stream$", "\1");
    return(deliver);
  }
}

# What the origin said of caching is for the shield's customers, POPs, and not for a client.
sub stream_part_deliver {
  if (state_is_edge()) {
    set resp.http.Cache-Control = "no-cache, no-transform";
    set resp.http.X-Accel-Buffering = "no";
    unset resp.http.Accept-Ranges;
    unset resp.http.Age;
    unset resp.http.Expires;
    unset resp.http.Surrogate-Key;
  }
}
