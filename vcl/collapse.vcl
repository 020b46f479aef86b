# Which stream is asked for. Whoever asks for the same is given the same: nothing behind these lines depends on who it is.

# The stream that says nothing. It is for keys that can be no client-side key, and for whoever comes too often. Such a
# client is held instead of sent away: some SDKs ask again hundreds of times a second when an answer ends, whatever its
# status. The origin knows the name too (src/origin/stream_part.rs).
sub collapse_silence_recv {
  set req.url = "/sse/environments/jackstaff:silent/stream";
}

sub collapse_recv {
  # Query strings and slashes say nothing.
  if (req.url.path !~ "^/+sse/+environments/+([^/]+)/+stream/*$") {
    error 604 "no such path";
  }
  set req.url = "/sse/environments/" re.group.1 "/stream";
  # Server-side keys (`ser.`) say nothing here: only Compute can look up their environment.
  if (req.url ~ "/ser\.[^/]*/stream$" || req.url !~ "^/sse/environments/[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,255}/stream$") {
    call collapse_silence_recv;
  }
  # Without this, anybody may purge. Each purge costs a connection to the origin.
  if (req.method == "FASTLYPURGE") {
    set req.http.Fastly-Purge-Requires-Auth = "1";
  } else if (req.method != "GET") {
    error 605 "method not allowed";
  }
  set req.http.Accept = "text/event-stream";
  unset req.http.Accept-Encoding;
  unset req.http.Accept-Language;
  unset req.http.Authorization;
  unset req.http.Cache-Control;
  unset req.http.Cookie;
  unset req.http.If-Modified-Since;
  unset req.http.If-None-Match;
  unset req.http.Last-Event-ID;
  unset req.http.Range;
  unset req.http.X-Environment-Key;
  if (state_is_edge()) {
    # These turn clustering on and off, and so collapsing.
    unset req.http.Fastly-Force-Shield;
    unset req.http.Fastly-No-Shield;
  }
}

# Not by host: all names of the service share their streams.
sub collapse_hash {
  set req.hash += req.url;
}
