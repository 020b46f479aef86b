# Pages of other origins: see ../cors.vcl.

sub cors_recv {
  if (req.method == "OPTIONS" && req.url ~ "^/+sse/+environments/+[^/?]+/+stream/*(\?.*)?$") {
    return (synth(620, "preflight"));
  }
}

sub cors_synth {
  set resp.http.Access-Control-Allow-Origin = "*";
  if (resp.status == 620) {
    set resp.status = 200;
    set resp.reason = "OK";
    set resp.http.Allow = "GET, OPTIONS";
    set resp.http.Access-Control-Allow-Methods = "GET, OPTIONS";
    set resp.http.Access-Control-Max-Age = "600";
    if (req.http.Access-Control-Request-Headers) {
      set resp.http.Access-Control-Allow-Headers = req.http.Access-Control-Request-Headers;
      set resp.http.Vary = "Access-Control-Request-Headers";
    }
    set resp.body = "";
    return (deliver);
  }
}

sub cors_deliver {
  set resp.http.Access-Control-Allow-Origin = "*";
}
