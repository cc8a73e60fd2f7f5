package main

import (
	"fmt"
	"path/filepath"
	"time"

	"qingfeng/gateway/internal/tlscert"
)

type certCommand struct {
	Authority certAuthorityCommand `cmd:"" help:"Make the hospital's own authority: its certificate goes on every tablet, once."`
	Server    certServerCommand    `cmd:"" help:"Make the gateway's certificate, signed by the local authority."`
	Import    certImportCommand    `cmd:"" help:"Check and take over a certificate the hospital already has."`
	Check     certCheckCommand     `cmd:"" help:"Say whether a certificate can serve, for which names, and until when."`
}

// certFiles is where certificates are kept.
type certFiles struct {
	Directory string `help:"Directory of certificates and keys." default:"./data/tls" type:"path"`
	Force     bool   `help:"Replace what is there."`
}

func (f certFiles) pair(name string) tlscert.Pair {
	return tlscert.Pair{Certificate: filepath.Join(f.Directory, name+".crt"), Key: filepath.Join(f.Directory, name+".key")}
}

type certAuthorityCommand struct {
	certFiles
	Name    string   `help:"Name shown where a tablet lists its authorities." default:"清风 Qingfeng local authority"`
	Domains []string `help:"All the authority may ever sign for: names, addresses, networks." placeholder:"DOMAIN"`
}

// Run makes the authority.
func (c certAuthorityCommand) Run(w world) error {
	to := c.pair("authority")
	made, err := tlscert.MakeAuthority(to, tlscert.Authority{Name: c.Name, Domains: c.Domains, Now: time.Now(), Force: c.Force})
	if err != nil {
		return fmt.Errorf("make authority: %w", err)
	}
	fmt.Fprintf(w.stdout, "%s, until %s\nPut this certificate on every tablet (docs/operations.md says how). Keep %s off the network.\n",
		to.Certificate, made.NotAfter.Format(time.DateOnly), to.Key)
	return nil
}

type certServerCommand struct {
	certFiles
	Hosts []string `arg:"" help:"Names and addresses under which tablets reach the gateway."`
}

// Run makes the server's certificate.
func (c certServerCommand) Run(w world) error {
	to := c.pair("server")
	made, err := tlscert.MakeServer(c.pair("authority"), to, tlscert.Server{Hosts: c.Hosts, Now: time.Now(), Force: c.Force})
	if err != nil {
		return fmt.Errorf("make server certificate: %w", err)
	}
	fmt.Fprintf(w.stdout, "%s for %v, until %s\n\nIn the settings:\n\nlisten:\n  http: 0.0.0.0:8443\n  tls:\n    certificate: %s\n    key: %s\n",
		to.Certificate, c.Hosts, made.NotAfter.Format(time.DateOnly), to.Certificate, to.Key)
	return nil
}

type certImportCommand struct {
	certFiles
	Certificate string `arg:"" help:"Certificate with its chain, PEM." type:"existingfile"`
	Key         string `arg:"" help:"Its private key, PEM." type:"existingfile"`
}

// Run takes over the hospital's own certificate.
func (c certImportCommand) Run(w world) error {
	to := c.pair("server")
	info, err := tlscert.Import(tlscert.Pair{Certificate: c.Certificate, Key: c.Key}, to, time.Now(), c.Force)
	if err != nil {
		return err
	}
	return printPair(w, to, info)
}

type certCheckCommand struct {
	certFiles
}

// Run judges the server's certificate.
func (c certCheckCommand) Run(w world) error {
	pair := c.pair("server")
	info, err := tlscert.CheckPair(pair, time.Now())
	if err != nil {
		return fmt.Errorf("check certificate: %w", err)
	}
	return printPair(w, pair, info)
}

func printPair(w world, pair tlscert.Pair, info tlscert.Info) error {
	fmt.Fprintf(w.stdout, "%s for %v, until %s\n", pair.Certificate, info.Names, info.NotAfter.Format(time.DateOnly))
	for _, warning := range info.Warnings {
		fmt.Fprintln(w.stdout, "warning:", warning)
	}
	return nil
}
