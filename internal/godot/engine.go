package godot

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
)

// page boots the engine. Headless, it wants a canvas of no size, or it dies.
const page = `<!doctype html><title>Godot</title><style>body { margin: 0; background: #000 } canvas { display: block }</style>
<canvas id="canvas" width="0" height="0"></canvas><script src="index.js"></script>
<script>
  new Engine({ canvas: document.querySelector("canvas"), executable: "index", mainPack: "game.pck", args: %s, focusCanvas: false,
    canvasResizePolicy: %d, onPrint: console.log, onPrintError: console.error,
  }).startGame().catch((error) => console.error("ERROR: Failed to start: " + error));
</script>`

// Site serves a page that runs a pack in the engine of a folder. The arguments
// are what OS.get_cmdline_user_args returns. Only a visible game draws.
func Site(engine fs.FS, pack []byte, visible bool, args ...string) http.Handler {
	all, policy := append([]string{"--"}, args...), 2
	if !visible {
		all, policy = append([]string{"--headless"}, all...), 0
	}
	encoded, _ := json.Marshal(all)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, page, encoded, policy)
	})
	mux.HandleFunc("/game.pck", func(w http.ResponseWriter, r *http.Request) { w.Write(pack) })
	mux.Handle("/", http.FileServerFS(engine))
	return mux
}
