// The servers that are measured, in Go: one goroutine a connection, as everybody writes them.
//
// peer KIND serves until it is killed, and prints its port and process; peer timers prints what a
// Timer.Reset costs with a million timers live. To be run with GOMAXPROCS=1.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
)

const (
	kib      = 1024
	prefix   = 4
	frameMax = 1 << 20
)

func main() {
	kind := ""
	if len(os.Args) > 1 {
		kind = os.Args[1]
	}
	var err error
	switch kind {
	case "raw":
		err = accept(func(c *net.TCPConn) error { return raw(c, 4*kib) })
	case "raw-16k":
		err = accept(func(c *net.TCPConn) error { return raw(c, 16*kib) })
	case "raw-64k":
		err = accept(func(c *net.TCPConn) error { return raw(c, 64*kib) })
	case "framed":
		err = accept(framed)
	case "workers":
		jobs := startWorker()
		err = accept(func(c *net.TCPConn) error { return workers(c, jobs) })
	case "broadcast":
		err = accept(newRoom().member)
	case "udp":
		err = udp()
	case "timers":
		timers()
	default:
		fmt.Fprintf(os.Stderr, "Go has no server `%s`\n", kind)
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func announce(port int) {
	fmt.Printf("%d %d\n", port, os.Getpid())
}

// TCP_NODELAY is set by default.
func accept(serve func(*net.TCPConn) error) error {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	announce(listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.AcceptTCP()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			// The peer closed, or reset: there is nobody to tell.
			_ = serve(connection)
		}()
	}
}

func raw(connection *net.TCPConn, size int) error {
	block := make([]byte, size)
	for {
		count, err := connection.Read(block)
		if err != nil {
			return err
		}
		if _, err := connection.Write(block[:count]); err != nil {
			return err
		}
	}
}

// The next frame, in block if it is large enough.
func readFrame(input *bufio.Reader, block []byte) ([]byte, error) {
	var head [prefix]byte
	if _, err := io.ReadFull(input, head[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if size > frameMax {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	if cap(block) < size {
		block = make([]byte, size)
	}
	frame := block[:size]
	_, err := io.ReadFull(input, frame)
	return frame, err
}

func writeFrame(output *bufio.Writer, frame []byte) error {
	var head [prefix]byte
	binary.BigEndian.PutUint32(head[:], uint32(len(frame)))
	// bufio remembers the first error and gives it again.
	output.Write(head[:])
	_, err := output.Write(frame)
	return err
}

// One write for all the frames that have come.
func framed(connection *net.TCPConn) error {
	input, output := bufio.NewReader(connection), bufio.NewWriter(connection)
	var frame []byte
	for {
		var err error
		if frame, err = readFrame(input, frame); err != nil {
			return err
		}
		if err = writeFrame(output, frame); err != nil {
			return err
		}
		if input.Buffered() < prefix {
			if err = output.Flush(); err != nil {
				return err
			}
		}
	}
}

// A frame and where its answer goes, or the last of a connection.
type job struct {
	frame  []byte
	answer chan<- []byte
	last   bool
}

func startWorker() chan<- job {
	jobs := make(chan job, kib)
	go func() {
		for job := range jobs {
			if job.last {
				close(job.answer)
			} else {
				job.answer <- job.frame
			}
		}
	}()
	return jobs
}

// Frames go to the worker; their answers are written in order, those that have come at once.
func workers(connection *net.TCPConn, jobs chan<- job) error {
	input, answers := bufio.NewReader(connection), make(chan []byte, kib)
	go func() {
		output := bufio.NewWriter(connection)
		for answer := range answers {
			// If writing fails, reading does too, and ends this.
			_ = writeFrame(output, answer)
			if len(answers) == 0 {
				_ = output.Flush()
			}
		}
	}()
	for {
		frame, err := readFrame(input, nil)
		if err != nil {
			jobs <- job{answer: answers, last: true}
			return err
		}
		jobs <- job{frame: frame, answer: answers}
	}
}

func udp() error {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	announce(socket.LocalAddr().(*net.UDPAddr).Port)
	block := make([]byte, 64*kib)
	for {
		// The forms with AddrPort do not allocate.
		count, from, err := socket.ReadFromUDPAddrPort(block)
		if err != nil {
			return err
		}
		if _, err := socket.WriteToUDPAddrPort(block[:count], from); err != nil {
			return err
		}
	}
}
