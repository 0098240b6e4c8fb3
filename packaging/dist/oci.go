package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The types of the parts of an image, of the OCI image specification.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// descriptor refers to a part of an image.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// image collects the parts of an image, as files of an image layout.
type image struct{ files []file }

// blob adds a part, under its hash.
func (im *image) blob(mediaType string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	im.files = append(im.files, file{name: "blobs/sha256/" + name, mode: 0o644, data: data})
	return descriptor{MediaType: mediaType, Digest: "sha256:" + name, Size: len(data)}
}

// json adds a part in JSON.
func (im *image) json(mediaType string, value any) (descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, err
	}
	return im.blob(mediaType, data), nil
}

// imageLayout returns the image of static builds, each for another platform, as an OCI
// image layout in a tar archive.
func (d *dist) imageLayout(builds []build) ([]byte, error) {
	im := &image{}
	base, err := d.layer(im, baseFiles())
	if err != nil {
		return nil, err
	}
	var manifests []descriptor
	for _, b := range builds {
		m, err := d.manifest(im, b, base)
		if err != nil {
			return nil, err
		}
		manifests = append(manifests, m)
	}
	index, err := im.json(typeIndex, map[string]any{"schemaVersion": 2, "mediaType": typeIndex, "manifests": manifests})
	if err != nil {
		return nil, err
	}
	index.Annotations = map[string]string{"org.opencontainers.image.ref.name": d.version}
	top, err := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": typeIndex, "manifests": []descriptor{index}})
	if err != nil {
		return nil, err
	}
	return tarOf(append(im.files,
		file{name: "index.json", mode: 0o644, data: top},
		file{name: "oci-layout", mode: 0o644, data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
	), d.time)
}

// layer is a layer of an image: its compressed form, and the hash of the other.
type layer struct {
	descriptor
	diffID string
}

func (d *dist) layer(im *image, files []file) (layer, error) {
	data, err := tarOf(files, d.time)
	if err != nil {
		return layer{}, err
	}
	sum := sha256.Sum256(data)
	return layer{im.blob(typeLayer, compress(data)), "sha256:" + hex.EncodeToString(sum[:])}, nil
}

// manifest adds the image of one build.
func (d *dist) manifest(im *image, b build, base layer) (descriptor, error) {
	own, err := d.layer(im, []file{{name: "usr/bin/stele", mode: 0o755, data: b.binary}})
	if err != nil {
		return descriptor{}, err
	}
	created := d.time.Format(time.RFC3339)
	labels := map[string]string{
		"org.opencontainers.image.title": "stele", "org.opencontainers.image.description": summary,
		"org.opencontainers.image.version": d.version, "org.opencontainers.image.created": created,
		"org.opencontainers.image.licenses": "MIT",
	}
	config, err := im.json(typeConfig, map[string]any{
		"created": created, "architecture": b.arch, "os": "linux",
		"config": map[string]any{
			"User": "65532:65532", "WorkingDir": "/var/lib/stele", "Entrypoint": []string{"/usr/bin/stele"}, "Cmd": []string{"--help"},
			"Env":     []string{"PATH=/usr/bin", "HOME=/var/lib/stele", "XDG_DATA_HOME=/var/lib", "XDG_CACHE_HOME=/var/cache", "XDG_CONFIG_HOME=/etc"},
			"Volumes": map[string]any{"/var/lib/stele": map[string]any{}}, "Labels": labels,
		},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{base.diffID, own.diffID}},
		"history": []map[string]any{
			{"created": created, "created_by": "packaging/dist: user, folders and certificates"},
			{"created": created, "created_by": "packaging/dist: stele " + d.version},
		},
	})
	if err != nil {
		return descriptor{}, err
	}
	m, err := im.json(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": config,
		"layers": []descriptor{base.descriptor, own.descriptor}, "annotations": labels,
	})
	m.Platform = &platform{Architecture: b.arch, OS: "linux"}
	return m, err
}

// imageUser is the number of the user in an image.
const imageUser = 65532

// baseFiles returns what an image has beside the program: a user, folders that it may
// write to, and the certificates by which pools are known.
func baseFiles() []file {
	return []file{
		{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/:/sbin/nologin\nstele:x:65532:65532:Stele:/var/lib/stele:/sbin/nologin\n")},
		{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\nstele:x:65532:\n")},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, data: certificates()},
		dir("etc/stele", 0o755, 0),
		dir("tmp", 0o777|fs.ModeSticky, 0),
		dir("var/cache/stele", 0o755, imageUser),
		dir("var/lib/stele", 0o755, imageUser),
	}
}

// certificates returns the root certificates that Mozilla trusts without a constraint.
func certificates() []byte {
	var all []byte
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})...)
		}
	}
	return all
}
