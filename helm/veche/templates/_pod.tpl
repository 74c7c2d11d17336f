{{/* Pod security as the restricted standard wants it. */}}
{{- define "veche.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "veche.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{/* Where pods of the chart that are no service run, and what their images are fetched with: as services do by default. */}}
{{- define "veche.placement" -}}
{{- $placement := pick .Values.defaults "nodeSelector" "tolerations" "priorityClassName" -}}
{{- $placement = set $placement "imagePullSecrets" .Values.imagePullSecrets -}}
{{- range $field, $value := $placement }}
{{- if $value }}
{{ dict $field $value | toYaml }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Another annotation of a pod when a URL that the chart keeps in a secret is another, so that the pod is replaced. Takes (dict "root" $ "needs" …). */}}
{{- define "veche.urlChecksum" -}}
{{- $urls := list -}}
{{- range $server := list "mongodb" "nats" "redis" -}}
{{- if index $.needs (eq $server "mongodb" | ternary "mongodb" "mesh") -}}
{{- $urls = append $urls (index $.root.Values $server).externalUrl -}}
{{- end -}}
{{- end -}}
{{- if compact $urls -}}
checksum/external-urls: {{ toJson $urls | sha256sum | trunc 16 | quote }}
{{- end -}}
{{- end -}}

{{/* A variable from a secret. Takes (dict "name" … "secret" … "key" … "optional" …). */}}
{{- define "veche.fromSecret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ default .name .key }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end -}}

{{/* The variable with a server's URL: from a secret, or of the bundled server with its password. Takes (dict "root" $ "server" …). */}}
{{- define "veche.serverUrl" -}}
{{- $name := printf "%s-%s" (include "veche.fullname" .root) .server -}}
{{- $of := index .root.Values .server -}}
{{- $variable := get (dict "nats" "NATS_URL" "mongodb" "MONGO_URL" "redis" "REDIS_URL") .server -}}
{{- $password := printf "%s_PASSWORD" (upper .server) -}}
{{- if include (printf "veche.%sBundled" .server) .root }}
{{ include "veche.fromSecret" (dict "name" $password "secret" (default $name $of.bundled.existingSecret) "key" "password") }}
- name: {{ $variable }}
  {{- if eq .server "nats" }}
  value: {{ include "veche.members" (dict "root" .root "name" $name "replicas" $of.bundled.replicas "port" 4222 "before" (printf "nats://veche:$(%s)@" $password)) }}
  {{- else if eq .server "mongodb" }}
  value: mongodb://veche:$({{ $password }})@{{ include "veche.members" (dict "root" .root "name" $name "replicas" 1 "port" 27017) }}/veche?authSource=admin&replicaSet=rs0
  {{- else }}
  value: redis://:$({{ $password }})@{{ $name }}.{{ .root.Release.Namespace }}.svc:6379
  {{- end }}
{{- else }}
{{ include "veche.fromSecret" (dict "name" $variable "secret" (default (printf "%s-url" $name) $of.externalSecret)) }}
{{- end }}
{{- end -}}

{{/* What every process of Veche gets. Takes (dict "root" $ "needs" …). */}}
{{- define "veche.env" -}}
{{- $root := .root -}}
{{- $full := include "veche.fullname" $root -}}
{{- with $root.Values }}
- { name: NODE_ENV, value: production }
- { name: NAMESPACE, value: {{ include "veche.meshNamespace" $root | quote }} }
{{- if $.needs.mongodb }}
{{- include "veche.serverUrl" (dict "root" $root "server" "mongodb") }}
{{- end }}
{{- if $.needs.mesh }}
{{- include "veche.serverUrl" (dict "root" $root "server" "nats") }}
{{- include "veche.serverUrl" (dict "root" $root "server" "redis") }}
{{- with include "veche.streamReplicas" $root }}
- { name: STREAM_REPLICAS, value: {{ . | quote }} }
{{- end }}
{{- if .nats.tlsSecret }}
- { name: NATS_TLS_CA, value: /etc/veche/nats-tls/ca.crt }
{{- if .nats.tlsClientCertificate }}
- { name: NATS_TLS_CERT, value: /etc/veche/nats-tls/tls.crt }
- { name: NATS_TLS_KEY, value: /etc/veche/nats-tls/tls.key }
{{- end }}
{{- end }}
{{- if .nats.credsSecret }}
- { name: NATS_CREDS_FILE, value: /etc/veche/nats-creds/nats.creds }
{{- end }}
{{- end }}
{{- if $.needs.refresh }}
{{ include "veche.fromSecret" (dict "name" "REFRESH_SECRET" "secret" (default (printf "%s-refresh" $full) .secrets.refreshSecret)) }}
{{ include "veche.fromSecret" (dict "name" "REFRESH_SECRET_PREVIOUS" "secret" (default (printf "%s-refresh" $full) .secrets.refreshSecret) "optional" true) }}
{{- end }}
{{- if $.needs.jwt }}
- { name: JWT_KEYS_DIR, value: /etc/veche/jwt }
{{- end }}
{{- if .extraCaSecret }}
- { name: NODE_EXTRA_CA_CERTS, value: /etc/veche/ca/ca.crt }
{{- end }}
{{- range $name, $value := .config }}
- { name: {{ $name }}, value: {{ include "veche.plain" $value | quote }} }
{{- end }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "veche.mounts" -}}
{{- with .root.Values }}
- { name: tmp, mountPath: /tmp }
{{- if and $.needs.mesh .nats.tlsSecret }}
- { name: nats-tls, mountPath: /etc/veche/nats-tls, readOnly: true }
{{- end }}
{{- if and $.needs.mesh .nats.credsSecret }}
- { name: nats-creds, mountPath: /etc/veche/nats-creds, readOnly: true }
{{- end }}
{{- if $.needs.jwt }}
- { name: jwt, mountPath: /etc/veche/jwt, readOnly: true }
{{- end }}
{{- if .extraCaSecret }}
- { name: ca, mountPath: /etc/veche/ca, readOnly: true }
{{- end }}
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "veche.volumes" -}}
{{- $full := include "veche.fullname" .root -}}
{{- with .root.Values }}
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- if and $.needs.mesh .nats.tlsSecret }}
- name: nats-tls
  secret: { secretName: {{ .nats.tlsSecret }} }
{{- end }}
{{- if and $.needs.mesh .nats.credsSecret }}
- name: nats-creds
  secret: { secretName: {{ .nats.credsSecret }} }
{{- end }}
{{- if $.needs.jwt }}
- name: jwt
  # Renewed in running pods within a minute or two after a secret changed.
  projected:
    sources:
      - secret: { name: {{ default (printf "%s-jwt-public" $full) .secrets.jwtPublicKeys }} }
      {{- if eq $.needs.jwt "private" }}
      - secret: { name: {{ default (printf "%s-jwt-private" $full) .secrets.jwtPrivateKeys }} }
      {{- end }}
{{- end }}
{{- if .extraCaSecret }}
- name: ca
  secret: { secretName: {{ .extraCaSecret }} }
{{- end }}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end -}}
