package main

import (
	"net"
	"sync"
)

// A channel for each member, and a goroutine that writes what comes through it.
type room struct {
	lock    sync.Mutex
	members map[chan []byte]struct{}
}

func newRoom() *room {
	return &room{members: make(map[chan []byte]struct{})}
}

func (r *room) member(connection *net.TCPConn) error {
	lines := make(chan []byte, 16)
	r.lock.Lock()
	r.members[lines] = struct{}{}
	r.lock.Unlock()
	defer func() {
		r.lock.Lock()
		delete(r.members, lines)
		r.lock.Unlock()
		close(lines)
	}()
	go func() {
		for line := range lines {
			// If writing fails, reading does too, and ends this.
			_, _ = connection.Write(line)
		}
	}()
	block := make([]byte, kib)
	for {
		count, err := connection.Read(block)
		if err != nil {
			return err
		}
		line := append([]byte(nil), block[:count]...)
		r.lock.Lock()
		for member := range r.members {
			member <- line
		}
		r.lock.Unlock()
	}
}
