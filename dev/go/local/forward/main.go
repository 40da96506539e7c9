// Copyright The luigi-operator authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command forward lets the host reach one TCP port inside the network namespace of the local cluster.
//
// It opens its listening socket on the host's loopback first and enters the namespace afterwards: a socket keeps the
// namespace it was made in, so connections come in from the host and go on from the inside, with no device between.
//
//	forward -listen 127.0.0.1:16443 -namespace PID -port-file FILE
//
// The other side is the same port on the namespace's loopback. When the wanted port is taken, the kernel chooses one.
// The chosen port is written to FILE before the namespace is entered.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
)

const (
	// nsenter is executed with the listening socket on this descriptor.
	inherited = 3
	// A cluster serves a handful of clients with a few connections each.
	maxConnections = 1024
	dialTimeout    = 5 * time.Second
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address on the host")
	namespace := flag.Int("namespace", 0, "id of a process in the network namespace to enter")
	portFile := flag.String("port-file", "", "file that receives the port listened on")
	entered := flag.Bool("entered", false, "the socket is inherited and the namespace entered")
	flag.Parse()

	var err error
	if *entered {
		err = serve()
	} else {
		err = enter(*listen, *namespace, *portFile)
	}
	log.Fatal(err)
}

// enter opens the socket and replaces this process by one in the namespace that goes on with it.
// A namespace belongs to a thread and a Go program has many, so entering needs a fresh process.
func enter(listen string, namespace int, portFile string) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		host, _, splitErr := net.SplitHostPort(listen)
		if splitErr != nil {
			return splitErr
		}
		log.Printf("%v; taking any free port", err)
		if listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			return err
		}
	}
	port := listener.Addr().(*net.TCPAddr).Port
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	// A duplicate made by dup3 without flags stays open across exec.
	if int(socket.Fd()) != inherited {
		if err := syscall.Dup3(int(socket.Fd()), inherited, 0); err != nil {
			return fmt.Errorf("dup: %w", err)
		}
	} else if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, inherited, syscall.F_SETFD, 0); errno != 0 {
		return errno
	}
	if err := os.WriteFile(portFile, []byte(strconv.Itoa(port)+"\n"), 0o644); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec("/usr/bin/nsenter",
		[]string{"nsenter", "-t", strconv.Itoa(namespace), "-n", "--", self, "-entered"}, os.Environ())
}

func serve() error {
	listener, err := net.FileListener(os.NewFile(inherited, "listener"))
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	target := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	log.Printf("forwarding %s to %s in the namespace", listener.Addr(), target)
	slots := make(chan struct{}, maxConnections)
	for {
		slots <- struct{}{}
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { <-slots }()
			forward(client.(*net.TCPConn), target)
		}()
	}
}

// forward copies both ways until both sides have ended. Go sets TCP_NODELAY on every TCP connection, accepted or
// dialled; without it each request would wait 40 to 90 ms for an acknowledgement.
func forward(client *net.TCPConn, target string) {
	defer client.Close()
	dialled, err := net.DialTimeout("tcp", target, dialTimeout)
	if err != nil {
		log.Print(err)
		return
	}
	server := dialled.(*net.TCPConn)
	defer server.Close()
	done := make(chan struct{})
	go func() {
		pipe(server, client)
		close(done)
	}()
	pipe(client, server)
	<-done
}

// pipe hands on what it reads and then the end of the stream, so that half-closed connections work.
// After an error nothing more can be handed on: both ends are closed, which also ends the other direction.
func pipe(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	to.CloseWrite()
}
