# A part of a stream: one response of the origin. It is passed on as it comes, to every client that asks while it is fresh.
#
# It must not be fresh after its end, or clients would receive all of it at once, again and again. Three rules ensure this:
# - The origin lets clients join it (`max-age`) for three eighths of its duration.
# - Behind a shield, its age there (`Age`) is subtracted. Even without that, twice three eighths are less than the whole.
# - A fetch that is cut off because the origin is silent counts as one that ended. That takes 30 s (below), and nothing is
#   fresh for longer than 20 s.
# A fetch that breaks is not a response, and is not cached.

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
    # An origin without --stream-seconds does not say how long its stream can be joined. Many clients that come at once share
    # one connection even then. The same holds for a part that came from the shield in its last moment.
    if (beresp.http.Cache-Control !~ "max-age=[0-9]" || beresp.ttl < 1s) {
      set beresp.ttl = 1s;
    }
    # A stale stream has ended.
    set beresp.grace = 0s;
    set beresp.stale_while_revalidate = 0s;
    set beresp.stale_if_error = 0s;
    # Each byte is passed on at once, and unchanged.
    set beresp.do_stream = true;
    set beresp.gzip = false;
    set beresp.brotli = false;
    # One object for all clients.
    unset beresp.http.Vary;
    unset beresp.http.Set-Cookie;
    unset beresp.http.Expires;
    unset beresp.http.Surrogate-Control;
    set beresp.http.Surrogate-Key = "stream stream/" regsub(req.url.path, "^/sse/environments/([^/]+)/stream$", "\1");
    return(deliver);
  }
}

# The cache headers of the origin are for POPs behind a shield, and not for clients.
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
