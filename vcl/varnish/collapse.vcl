# The stream that a request asks for: see ../collapse.vcl.

sub collapse_recv {
  set req.url = regsub(req.url, "\?.*$", "");
  if (req.url !~ "^/+sse/+environments/+[^/]+/+stream/*$") {
    return (synth(604, "no such path"));
  }
  set req.url = regsub(req.url, "^/+sse/+environments/+([^/]+)/+stream/*$", "/sse/environments/\1/stream");
  if (req.url ~ "/ser\.[^/]*/stream$" || req.url !~ "^/sse/environments/[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,255}/stream$") {
    set req.url = "/sse/environments/jackstaff:silent/stream";
  }
  if (req.method != "GET") {
    return (synth(605, "method not allowed"));
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
}

sub collapse_hash {
  hash_data(req.url);
}
