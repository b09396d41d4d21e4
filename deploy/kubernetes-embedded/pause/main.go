// Package main holds a pod's namespaces open and does nothing else.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// A process that is PID 1 ignores SIGTERM unless it asks for it. Children handed to it are not
	// waited for by hand: ignoring SIGCHLD makes the kernel do it.
	signal.Ignore(syscall.SIGCHLD)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}
