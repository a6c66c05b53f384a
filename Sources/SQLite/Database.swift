internal import CSQLite

/// What SQLite refused to do.
public struct DatabaseError: Error, CustomStringConvertible {
  /// A result code, as <https://sqlite.org/rescode.html> lists them, without the extension.
  public let code: Int32
  public let message: String

  /// The disk is full, or the file as large as it may be.
  public var isFull: Bool { code == SQLITE_FULL }
  /// What was given does not fit, and something else may.
  public var isConstraint: Bool { code == SQLITE_CONSTRAINT }
  public var isTooBig: Bool { code == SQLITE_TOOBIG }
  /// The file is no database, or a damaged one.
  public var isDamaged: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }

  public var description: String { message }

  init(code: Int32, message: String) {
    self.code = code
    self.message = message
  }

  /// An error of our own.
  public init(message: String) { self.init(code: SQLITE_ERROR, message: message) }
}

/// One connection to a database file, for one thread. It copies the write-ahead log only when it is told to.
@safe public final class Database {
  private let raw: OpaquePointer
  // A cell of its own, because SQLite writes into it while this object is in use.
  private let logPageCount = UnsafeMutablePointer<Int>.allocate(capacity: 1)

  /// - Parameter path: created where there is no such file, unless `isReader`.
  public init(path: String, isReader: Bool = false) throws(DatabaseError) {
    var opened: OpaquePointer?
    let flags =
      SQLITE_OPEN_NOMUTEX
      | (isReader ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
    let status = unsafe sqlite3_open_v2(path, &opened, flags, nil)
    guard let opened = unsafe opened else { throw DatabaseError(code: SQLITE_NOMEM, message: "no memory") }
    guard status == SQLITE_OK else {
      let error = DatabaseError(code: status & 0xFF, message: unsafe String(cString: sqlite3_errmsg(opened)))
      unsafe sqlite3_close_v2(opened)
      throw error
    }
    unsafe raw = opened
    // Two connections of this process may meet at a checkpoint.
    unsafe sqlite3_busy_timeout(raw, 5000)
    unsafe logPageCount.initialize(to: 0)
    // In the place of SQLite's own hook, which would copy the log within some commit.
    let note:
      @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32 = {
        unsafe $0?.assumingMemoryBound(to: Int.self).pointee = Int($3)
        return SQLITE_OK
      }
    _ = unsafe sqlite3_wal_hook(raw, note, logPageCount)
  }

  deinit {
    unsafe sqlite3_close_v2(raw)
    unsafe logPageCount.deallocate()
  }

  /// Pages that the write-ahead log held after this connection's last commit, and no checkpoint of its has copied.
  public var logPages: Int { unsafe logPageCount.pointee }

  fileprivate func error(_ status: Int32) -> DatabaseError {
    DatabaseError(code: status & 0xFF, message: unsafe String(cString: sqlite3_errmsg(raw)))
  }

  /// Runs statements that return nothing.
  public func run(_ sql: String) throws(DatabaseError) {
    let status = unsafe sqlite3_exec(raw, sql, nil, nil, nil)
    guard status == SQLITE_OK else { throw error(status) }
  }

  /// Compiles a statement that is used again and again.
  public func prepare(_ sql: String) throws(DatabaseError) -> Statement {
    var statement: OpaquePointer?
    let status = unsafe sqlite3_prepare_v3(raw, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
    guard status == SQLITE_OK, let statement = unsafe statement else { throw error(status) }
    return unsafe Statement(statement, of: self)
  }

  /// The first column of the first row.
  public func integer(_ sql: String) throws(DatabaseError) -> Int64 {
    let statement = try prepare(sql)
    defer { statement.reset() }
    return try statement.step() ? statement.integer(0) : 0
  }

  /// Rows that the last statement changed.
  public var changes: Int { Int(unsafe sqlite3_changes64(raw)) }

  /// Copies what the write-ahead log holds into the file, as far as that goes without waiting for anybody.
  /// - Returns: pages in the log and those of them that were copied; `nil` when it could not be done.
  public func checkpoint() -> (pages: Int, copied: Int)? {
    var (pages, copied): (Int32, Int32) = (0, 0)
    let status = unsafe sqlite3_wal_checkpoint_v2(raw, nil, SQLITE_CHECKPOINT_PASSIVE, &pages, &copied)
    guard status == SQLITE_OK else { return nil }
    // The next commit begins the log anew.
    if pages == copied { unsafe logPageCount.pointee = 0 }
    return (Int(pages), Int(copied))
  }
}

/// A compiled statement of one connection.
@safe public final class Statement {
  private let raw: OpaquePointer
  private let database: Database

  fileprivate init(_ raw: OpaquePointer, of database: Database) {
    unsafe self.raw = raw
    self.database = database
  }

  deinit { unsafe sqlite3_finalize(raw) }

  // MARK: Parameters, from 1

  public func bind(_ index: Int, _ value: Int64) { _ = unsafe sqlite3_bind_int64(raw, Int32(index), value) }

  public func bind(_ index: Int, _ value: Int64?) {
    guard let value else { return bindNull(index) }
    bind(index, value)
  }

  public func bind(_ index: Int, _ bytes: [UInt8]) {
    _ = unsafe bytes.withUnsafeBufferPointer {
      unsafe csqlite_bind_blob(raw, Int32(index), $0.baseAddress, UInt64($0.count))
    }
  }

  public func bind(_ index: Int, text: String) {
    var text = text
    _ = text.withUTF8 { utf8 in
      unsafe utf8.withMemoryRebound(to: CChar.self) {
        unsafe csqlite_bind_text(raw, Int32(index), $0.baseAddress, UInt64($0.count))
      }
    }
  }

  public func bindNull(_ index: Int) { _ = unsafe sqlite3_bind_null(raw, Int32(index)) }

  // MARK: Running

  /// `true` when there is a row.
  public func step() throws(DatabaseError) -> Bool {
    let status = unsafe sqlite3_step(raw)
    switch status {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let error = database.error(status)
      reset()
      throw error
    }
  }

  /// Runs it to its end, and makes it ready for the next time.
  public func run() throws(DatabaseError) {
    while try step() {}
    reset()
  }

  public func reset() { _ = unsafe sqlite3_reset(raw) }

  // MARK: Columns, from 0

  public func isNull(_ column: Int) -> Bool { unsafe sqlite3_column_type(raw, Int32(column)) == SQLITE_NULL }

  public func integer(_ column: Int) -> Int64 { unsafe sqlite3_column_int64(raw, Int32(column)) }

  public func bytes(_ column: Int) -> [UInt8] {
    guard let start = unsafe sqlite3_column_blob(raw, Int32(column)) else { return [] }
    return unsafe Array(
      UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, Int32(column)))))
  }

  public func text(_ column: Int) -> String {
    unsafe sqlite3_column_text(raw, Int32(column)).map { unsafe String(cString: $0) } ?? ""
  }

  /// Whether the column holds these bytes; makes no copy.
  public func holds(_ column: Int, _ bytes: [UInt8]) -> Bool {
    guard let start = unsafe sqlite3_column_blob(raw, Int32(column)),
      unsafe Int(sqlite3_column_bytes(raw, Int32(column))) == bytes.count
    else { return bytes.isEmpty }
    let held = unsafe UnsafeRawBufferPointer(start: start, count: bytes.count)
    return unsafe bytes.withUnsafeBytes { given in unsafe given.elementsEqual(held) }
  }
}
