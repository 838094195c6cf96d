// The web servers that are measured, in Go: net/http, and WebSocket by gorilla.
//
// peer KIND serves until it is killed, and prints its port and process. To be run with
// GOMAXPROCS=1.
package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"

	"github.com/gorilla/websocket"
)

func main() {
	kind := ""
	if len(os.Args) > 1 {
		kind = os.Args[1]
	}
	var serve http.HandlerFunc
	switch kind {
	case "tls":
	case "http", "https":
		serve = hello
	case "proxy":
		serve = proxy().ServeHTTP
	case "ws":
		serve = echo
	case "ws-broadcast":
		serve = newRoom().member
	default:
		fmt.Fprintf(os.Stderr, "Go has no server `%s`\n", kind)
		os.Exit(2)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err == nil {
		fmt.Printf("%d %d\n", listener.Addr().(*net.TCPAddr).Port, os.Getpid())
		folder := os.Getenv("COMPARE_CERTIFICATE")
		certificate, key := folder+"/cert.pem", folder+"/key.pem"
		switch kind {
		case "https":
			// Without HTTP/2, as the others.
			server := &http.Server{Handler: serve, TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
			err = server.ServeTLS(listener, certificate, key)
		case "tls":
			err = sealed(listener, certificate, key)
		default:
			err = http.Serve(listener, serve)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// An echo by TLS.
func sealed(listener net.Listener, certificate, key string) error {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer connection.Close()
			block := make([]byte, 16*1024)
			for {
				count, err := connection.Read(block)
				if err != nil {
					return
				}
				if _, err := connection.Write(block[:count]); err != nil {
					return
				}
			}
		}()
	}
}

func hello(answer http.ResponseWriter, _ *http.Request) {
	answer.Header().Set("Content-Type", "text/plain")
	answer.Write([]byte("hello"))
}

// A reverse proxy that tells its origin of the client, and takes its buffers from a pool.
func proxy() *httputil.ReverseProxy {
	origin := &url.URL{Scheme: "http", Host: os.Getenv("COMPARE_ORIGIN")}
	return &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(origin)
			request.Out.Host = request.In.Host
			request.SetXForwarded()
		},
		Transport:  &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
		BufferPool: &buffers{},
	}
}

type buffers struct{ sync.Pool }

func (b *buffers) Get() []byte {
	if buffer, ok := b.Pool.Get().(*[32 * 1024]byte); ok {
		return buffer[:]
	}
	return make([]byte, 32*1024)
}

func (b *buffers) Put(buffer []byte) {
	b.Pool.Put((*[32 * 1024]byte)(buffer))
}

var upgrader = websocket.Upgrader{}

func echo(answer http.ResponseWriter, request *http.Request) {
	connection, err := upgrader.Upgrade(answer, request, nil)
	if err != nil {
		return
	}
	defer connection.Close()
	for {
		kind, text, err := connection.ReadMessage()
		if err != nil {
			return
		}
		if err := connection.WriteMessage(kind, text); err != nil {
			return
		}
	}
}

// A channel for each member; a message is encoded once.
type room struct {
	sync.Mutex
	members map[chan *websocket.PreparedMessage]struct{}
}

func newRoom() *room {
	return &room{members: map[chan *websocket.PreparedMessage]struct{}{}}
}

func (r *room) member(answer http.ResponseWriter, request *http.Request) {
	connection, err := upgrader.Upgrade(answer, request, nil)
	if err != nil {
		return
	}
	defer connection.Close()
	lines := make(chan *websocket.PreparedMessage, 64)
	r.Lock()
	r.members[lines] = struct{}{}
	r.Unlock()
	go func() {
		for line := range lines {
			// If writing fails, reading does too, and ends this.
			_ = connection.WritePreparedMessage(line)
		}
	}()
	for {
		kind, text, err := connection.ReadMessage()
		if err != nil {
			break
		}
		line, err := websocket.NewPreparedMessage(kind, text)
		if err != nil {
			break
		}
		r.Lock()
		for member := range r.members {
			member <- line
		}
		r.Unlock()
	}
	r.Lock()
	delete(r.members, lines)
	r.Unlock()
	close(lines)
}
