package lambda

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// runtimeAPI returns the API that a runtime calls (developer guide, "Using the
// Lambda runtime API for custom runtimes").
func (p *process) runtimeAPI() http.Handler {
	const root = "/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+root+"invocation/next", p.serveNext)
	mux.HandleFunc("POST "+root+"invocation/{id}/response", p.serveResponse)
	mux.HandleFunc("POST "+root+"invocation/{id}/error", p.serveError)
	mux.HandleFunc("POST "+root+"init/error", p.serveInitError)
	return mux
}

// serveNext answers when there is an event. Until then the process is idle or,
// on Lambda, frozen.
func (p *process) serveNext(w http.ResponseWriter, r *http.Request) {
	p.asking.Do(func() { close(p.ready) })
	select {
	case inv := <-p.next:
		p.deliver(w, inv)
	case <-p.gone:
	case <-r.Context().Done():
	}
}

// deliver writes an event to the process. took waits until that has ended.
func (p *process) deliver(w http.ResponseWriter, inv *invocation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current, p.sent = inv, inv
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(inv.event))) // so nothing follows the event
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(p.Timeout).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", p.region(), account, p.Name))
	h.Set("Lambda-Runtime-Trace-Id", fmt.Sprintf("Root=1-%08x-%08x%016x;Parent=%016x;Sampled=0",
		time.Now().Unix(), rand.Uint32(), rand.Uint64(), rand.Uint64()))
	w.Write(inv.event)
	if err := http.NewResponseController(w).Flush(); err != nil {
		p.sent = nil
	}
}

// take returns the open invocation of an answer, once; nil if there is none.
func (p *process) take(id string) *invocation {
	p.mu.Lock()
	defer p.mu.Unlock()
	inv := p.current
	if inv == nil || inv.id != id {
		return nil
	}
	p.current = nil
	return inv
}

// serveResponse reads the result of a function. A streamed result reports an
// interruption in a trailer.
func (p *process) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := readPayload(r)
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); err == nil && kind != "" {
		err = errors.New("the function failed: " + kind)
	}
	p.answer(w, r, answer{body, err})
}

// serveError reads the error that a function returns instead.
func (p *process) serveError(w http.ResponseWriter, r *http.Request) {
	report, err := readPayload(r)
	if err == nil {
		err = failure(report)
	}
	p.answer(w, r, answer{err: err})
}

func (p *process) answer(w http.ResponseWriter, r *http.Request, a answer) {
	inv := p.take(r.PathValue("id"))
	if inv == nil {
		reply(w, http.StatusBadRequest, `{"errorType":"InvalidRequestID","errorMessage":"Invalid request ID"}`)
		return
	}
	inv.answer <- a
	if errors.Is(a.err, errPayloadTooLarge) {
		reply(w, http.StatusRequestEntityTooLarge, `{"errorType":"RequestEntityTooLarge","errorMessage":"Exceeded maximum allowed payload size"}`)
		return
	}
	reply(w, http.StatusAccepted, `{"status":"OK"}`)
}

// serveInitError reads a runtime's error before it ends during its init.
func (p *process) serveInitError(w http.ResponseWriter, r *http.Request) {
	report, err := readPayload(r)
	if err == nil {
		err = failure(report)
	}
	p.mu.Lock()
	p.initError = err
	p.mu.Unlock()
	reply(w, http.StatusAccepted, `{"status":"OK"}`)
}

var errPayloadTooLarge = fmt.Errorf("the function's answer is over %d bytes", maxPayload)

func readPayload(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	if err == nil && len(body) > maxPayload {
		err = errPayloadTooLarge
	}
	return body, err
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, body)
}
