/// A request head: `line`, `Host: a` and `fields`, each with its line end.
func head(_ line: String = "GET /x", _ fields: String...) -> String {
  (["\(line) HTTP/1.1", "Host: a"] + fields).map { $0 + "\r\n" }.joined() + "\r\n"
}

/// A response head: 200, or `line`, and `fields`.
func answer(_ line: String = "200 OK", _ fields: String..., body: String = "") -> String {
  (["HTTP/1.1 \(line)"] + fields).map { $0 + "\r\n" }.joined() + "\r\n" + body
}

/// A complete 200 with `body`.
func ok(_ body: String = "") -> String { answer("200 OK", "Content-Length: \(body.utf8.count)", body: body) }

/// One chunk.
func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n" }
