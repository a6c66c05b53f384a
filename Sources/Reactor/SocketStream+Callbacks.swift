internal import CLibUV

// libuv's callbacks: find the object, call one method, nothing else.

func lendBuffer(
  _ handle: UnsafeMutablePointer<uv_handle_t>?, _ suggested: Int, _ buffer: UnsafeMutablePointer<uv_buf_t>?
) {
  let mode = unsafe Unmanaged<SocketStream>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef {
    $0.readMode
  }
  if mode == .readiness {
    // No buffer: libuv calls back with UV_ENOBUFS and does not read.
    unsafe buffer!.pointee = uv_buf_init(nil, 0)
  } else {
    let count = mode == .head ? EventLoop.headReadBytes : EventLoop.readBufferBytes
    unsafe buffer!.pointee = uv_buf_init(
      handle!.pointee.loop.pointee.data.assumingMemoryBound(to: CChar.self), UInt32(count))
  }
}

func didRead(
  _ handle: UnsafeMutablePointer<uv_stream_t>?, _ count: Int, _ buffer: UnsafePointer<uv_buf_t>?
) {
  unsafe Unmanaged<SocketStream>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef { stream in
    switch count {
    case 1...:
      let base = unsafe UnsafeRawPointer(buffer!.pointee.base!).assumingMemoryBound(to: UInt8.self)
      stream.received(unsafe Span(_unsafeStart: base, count: count))
    case 0: break  // EAGAIN: nothing arrived.
    case Int(UV_ENOBUFS.rawValue): stream.becameReadable()
    case Int(UV_EOF.rawValue): stream.ended(nil)
    default: stream.ended(UVError(code: Int32(count)))
    }
  }
}

func didWrite(_ request: UnsafeMutablePointer<uv_write_t>?, _ status: Int32) {
  let stream = unsafe Unmanaged<SocketStream>.fromOpaque(request!.pointee.handle.pointee.data)
  let queue = unsafe Unmanaged<WriteQueue>.fromOpaque(request!.pointee.data)
  unsafe stream._withUnsafeGuaranteedRef { $0.wrote(status) }
  unsafe queue.release()
}

func didConnect(_ request: UnsafeMutablePointer<uv_connect_t>?, _ status: Int32) {
  let stream = unsafe Unmanaged<SocketStream>.fromOpaque(request!.pointee.handle.pointee.data)
  unsafe request!.deallocate()
  unsafe stream._withUnsafeGuaranteedRef { $0.connected(status) }
}

func streamDidClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
  unsafe Unmanaged<SocketStream>.fromOpaque(handle!.pointee.data).takeRetainedValue().released()
}
