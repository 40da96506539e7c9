/*
 * Copyright The luigi-operator authors
 * SPDX-License-Identifier: Apache-2.0
 */
package io.luigioperator.ledger;

import io.luigioperator.testing.Certificate;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import javax.net.ssl.SSLSocket;

/**
 * A proxy between ledger and server, on loopback, that records statements and cuts the connection
 * at the worst moment. It understands just enough of the protocol to see the statements, and talks
 * TLS with both ends.
 */
final class TcpProxy implements AutoCloseable {

  /**
   * What happens to the next COMMIT, or to the next statement that is a transaction of its own,
   * once.
   */
  enum Cut {
    /** It never reaches the server. */
    BEFORE,
    /** It reaches the server, but the answer is lost. */
    AFTER,
    /** It reaches the server some time after the client has lost the connection. */
    LATE,
    /** As AFTER, and all connections fail until {@link #reconnect}. */
    FOR_LONG
  }

  /** Long enough for a plain read to come before the commit. */
  private static final Duration LATENESS = Duration.ofMillis(300);

  private static final int COM_QUERY = 3;
  private static final int CLIENT_SSL = 0x0800;

  private final ServerSocket listener;
  private final int serverPort;
  private final boolean hidesTls;
  private final AtomicReference<Cut> next = new AtomicReference<>();
  private final AtomicInteger cuts = new AtomicInteger();

  /** Texts of the packets with statements so far. */
  private final List<String> packets = new CopyOnWriteArrayList<>();

  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

  /** Connections to the server whose answers are dropped. */
  private final Map<Socket, CountDownLatch> muted = new ConcurrentHashMap<>();

  private volatile boolean blocked;

  /** Forwards everything. */
  static TcpProxy to(SqlServer server) {
    return new TcpProxy(server, false);
  }

  /** Hides that the server supports TLS, as an attacker would. */
  static TcpProxy hidingTls(SqlServer server) {
    return new TcpProxy(server, true);
  }

  private TcpProxy(SqlServer server, boolean hidesTls) {
    this.serverPort = server.port();
    this.hidesTls = hidesTls;
    try {
      this.listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().start(this::acceptAll);
  }

  int port() {
    return listener.getLocalPort();
  }

  void cutNextCommit(Cut cut) {
    next.set(cut);
  }

  int cuts() {
    return cuts.get();
  }

  /** The text of each packet of statements since the last call. */
  List<String> takePackets() {
    List<String> taken = List.copyOf(packets);
    packets.clear();
    return taken;
  }

  void reconnect() {
    blocked = false;
  }

  private void acceptAll() {
    while (!listener.isClosed()) {
      try {
        Socket client = listener.accept();
        if (blocked) {
          client.close();
          continue;
        }
        Socket server = new Socket(InetAddress.getLoopbackAddress(), serverPort);
        client.setTcpNoDelay(true);
        server.setTcpNoDelay(true);
        sockets.add(client);
        sockets.add(server);
        Thread.ofVirtual().start(() -> connect(client, server));
      } catch (IOException e) {
        // the listener or the connection was closed
      }
    }
  }

  /** The server sends a greeting, the client asks for TLS, then the proxy terminates both sides. */
  private void connect(Socket client, Socket server) {
    try {
      byte[] greeting = packet(server.getInputStream());
      client.getOutputStream().write(hidesTls ? withoutTls(greeting) : greeting);
      server.getOutputStream().write(packet(client.getInputStream()));
      SSLSocket clientSide = encrypted(client, false);
      SSLSocket serverSide = encrypted(server, true);
      Thread.ofVirtual().start(() -> toClient(serverSide, clientSide));
      toServer(clientSide, client, serverSide);
    } catch (IOException e) {
      closeQuietly(client);
      closeQuietly(server);
    }
  }

  private static SSLSocket encrypted(Socket plain, boolean asClient) throws IOException {
    SSLSocket tls =
        (SSLSocket)
            (asClient ? Certificate.trustAll() : Identity.CERTIFICATE.tls())
                .getSocketFactory()
                .createSocket(plain, "127.0.0.1", plain.getPort(), true);
    tls.setUseClientMode(asClient);
    tls.startHandshake();
    return tls;
  }

  /** One for all proxies. */
  private static final class Identity {
    static final Certificate CERTIFICATE = make();

    private static Certificate make() {
      try {
        return Certificate.make();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Packet by packet, because a COMMIT must be seen before it is passed on. */
  private void toServer(SSLSocket client, Socket raw, SSLSocket server) throws IOException {
    InputStream in = client.getInputStream();
    OutputStream out = server.getOutputStream();
    while (true) {
      byte[] packet = packet(in);
      String statements = statements(packet);
      if (!statements.isEmpty()) {
        packets.add(statements);
      }
      Cut cut = isCommit(statements) ? next.getAndSet(null) : null;
      if (cut == null) {
        out.write(packet);
        continue;
      }
      cuts.incrementAndGet();
      blocked = cut == Cut.FOR_LONG;
      if (cut == Cut.AFTER || cut == Cut.FOR_LONG) {
        sendUnanswered(packet, out, server);
      }
      raw.setSoLinger(true, 0); // a reset, as from a firewall
      raw.close();
      if (cut == Cut.LATE) {
        LockSupport.parkNanos(LATENESS.toNanos());
        sendUnanswered(packet, out, server);
      }
      throw new EOFException("cut");
    }
  }

  /** Returns when the server has answered; the answer and all later ones are dropped. */
  private void sendUnanswered(byte[] packet, OutputStream out, Socket server) throws IOException {
    CountDownLatch answered = new CountDownLatch(1);
    muted.put(server, answered); // before the server can answer
    out.write(packet);
    try {
      if (!answered.await(10, TimeUnit.SECONDS)) {
        throw new IOException("the server did not answer a COMMIT");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void toClient(SSLSocket server, SSLSocket client) {
    try {
      InputStream in = server.getInputStream();
      OutputStream out = client.getOutputStream();
      byte[] buffer = new byte[1 << 16];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        CountDownLatch waiting = muted.get(server);
        if (waiting == null) {
          out.write(buffer, 0, n);
        } else {
          waiting.countDown();
        }
      }
    } catch (IOException e) {
      // the other direction ends as well
    }
    closeQuietly(client);
  }

  /** Length in three bytes, a sequence number, and the rest. */
  private static byte[] packet(InputStream in) throws IOException {
    byte[] header = in.readNBytes(4);
    if (header.length < 4) {
      throw new EOFException();
    }
    int length = (header[0] & 0xff) | (header[1] & 0xff) << 8 | (header[2] & 0xff) << 16;
    byte[] packet = new byte[4 + length];
    System.arraycopy(header, 0, packet, 0, 4);
    if (in.readNBytes(packet, 4, length) < length) {
      throw new EOFException();
    }
    return packet;
  }

  /** Empty for any other command. Query attributes, of which there are none, take two bytes. */
  private static String statements(byte[] packet) {
    if (packet.length < 7 || packet[4] != COM_QUERY) {
      return "";
    }
    int text = packet[5] == 0 ? 7 : 5;
    return new String(packet, text, packet.length - text, StandardCharsets.UTF_8);
  }

  /** Either by COMMIT, or by a statement that checks the barrier itself. */
  private static boolean isCommit(String statements) {
    return statements.equals("COMMIT")
        || statements.startsWith("UPDATE attempt") && statements.contains("FROM meta");
  }

  /** Version, name of the server up to a zero, thread 4, salt 8, zero, then the low flags. */
  private static byte[] withoutTls(byte[] greeting) {
    int end = 5;
    while (greeting[end] != 0) {
      end++;
    }
    int flags = end + 1 + 4 + 8 + 1;
    greeting[flags + 1] &= (byte) ~(CLIENT_SSL >> 8);
    return greeting;
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // already closed
    }
  }

  @Override
  public void close() {
    try {
      listener.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    sockets.forEach(TcpProxy::closeQuietly);
  }
}
