internal import CLibUV

// libuv's callbacks: find the object, call one method, nothing else.

/// No buffer: libuv then says that there is something to read, and does not read. Its own read(2) goes through the file
/// layer, where recv(2) goes straight to the socket, and it reads on up to 32 times whatever else waits.
func lendNoBuffer(
  _ handle: UnsafeMutablePointer<uv_handle_t>?, _ suggested: Int, _ buffer: UnsafeMutablePointer<uv_buf_t>?
) {
  unsafe buffer!.pointee = uv_buf_init(nil, 0)
}

func mayRead(_ handle: UnsafeMutablePointer<uv_stream_t>?, _ status: Int, _ buffer: UnsafePointer<uv_buf_t>?)
{
  unsafe Unmanaged<SocketStream>.fromOpaque(handle!.pointee.data)._withUnsafeGuaranteedRef { stream in
    switch status {
    case Int(UV_ENOBUFS.rawValue): stream.becameReadable()
    case Int(UV_EOF.rawValue): stream.ended(nil)
    case 0: break
    default: stream.ended(UVError(code: Int32(status)))
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
