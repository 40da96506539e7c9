// Copyright The luigi-operator authors
// SPDX-License-Identifier: Apache-2.0

// Command pki creates the keys and certificates of the local cluster.
//
//	pki DIR NODE NODE_ADDRESS SERVICE_ADDRESS
//
// It writes into DIR the certificate of a CA, the serving certificates of the API server and the kubelet, a client
// certificate for each component, and the key pair for ServiceAccount tokens. DIR gets its name only when it is
// complete. The keys are valid only for the local cluster.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const validity = 10 * 365 * 24 * time.Hour

type authority struct {
	dir         string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: pki DIR NODE NODE_ADDRESS SERVICE_ADDRESS")
	}
	if err := makeAll(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		log.Fatal(err)
	}
}

func makeAll(dir, node, nodeAddress, serviceAddress string) error {
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(partial)
	if err != nil {
		return err
	}
	servers := map[string][]string{
		"kube-apiserver": {
			"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local", "127.0.0.1", nodeAddress, serviceAddress,
		},
		"kubelet-server": {node, nodeAddress},
	}
	for name, hosts := range servers {
		if err := ca.issue(name, pkix.Name{CommonName: name}, x509.ExtKeyUsageServerAuth, hosts); err != nil {
			return err
		}
	}
	clients := map[string]pkix.Name{
		// Groups and names that have rights by default.
		"admin":                   {CommonName: "luigi-admin", Organization: []string{"system:masters"}},
		"kubelet":                 {CommonName: "system:node:" + node, Organization: []string{"system:nodes"}},
		"kube-controller-manager": {CommonName: "system:kube-controller-manager"},
		"kube-scheduler":          {CommonName: "system:kube-scheduler"},
		"kube-proxy":              {CommonName: "system:kube-proxy"},
		// The API server as a client of the kubelet (logs, exec, port-forward).
		"kubelet-client": {CommonName: "kube-apiserver", Organization: []string{"system:masters"}},
		// manifests/base.yaml grants its rights.
		"coredns": {CommonName: "system:coredns"},
	}
	for name, subject := range clients {
		if err := ca.issue(name, subject, x509.ExtKeyUsageClientAuth, nil); err != nil {
			return err
		}
	}
	tokens, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(partial, "service-account.key"), tokens); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(tokens.Public())
	if err != nil {
		return err
	}
	if err := writeBlock(filepath.Join(partial, "service-account.pub"), "PUBLIC KEY", public); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(pkix.Name{CommonName: "luigi-local-cluster"})
	if err != nil {
		return nil, err
	}
	template.IsCA = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	// The key of the CA is not stored, because no more certificates are issued.
	return &authority{dir, key, certificate}, writeBlock(filepath.Join(dir, "ca.crt"), "CERTIFICATE", der)
}

// issue writes NAME.crt and NAME.key.
func (ca *authority) issue(name string, subject pkix.Name, usage x509.ExtKeyUsage, hosts []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := newTemplate(subject)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{usage}
	for _, host := range hosts {
		if address := net.ParseIP(host); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return err
	}
	path := filepath.Join(ca.dir, name)
	if err := writeKey(path+".key", key); err != nil {
		return err
	}
	return writeBlock(path+".crt", "CERTIFICATE", der)
}

func newTemplate(subject pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		// The clock may go back a little after a machine was resumed.
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validity),
		BasicConstraintsValid: true,
	}, nil
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writeBlock(path, "PRIVATE KEY", der)
}

func writeBlock(path, kind string, der []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := pem.Encode(file, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return file.Close()
}
