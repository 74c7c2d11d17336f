{{/* Names and labels. */}}
{{- define "veche.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for what is added to it; without dots, since a node of the mesh has its pod's name. */}}
{{- define "veche.fullname" -}}
{{- $name := include "veche.name" . -}}
{{- $whole := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- default $whole .Values.fullnameOverride | replace "." "-" | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "veche.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Of what never changes: a selector can't be updated. Takes (dict "root" $ "component" name). */}}
{{- define "veche.selector" -}}
app.kubernetes.io/name: {{ include "veche.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "veche.labels" -}}
{{ include "veche.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: veche
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ include "veche.chart" .root }}
{{- end -}}

{{- define "veche.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "veche.labels" . | nindent 2 }}
{{- end -}}

{{- define "veche.serviceAccountName" -}}
{{- default (.Values.serviceAccount.create | ternary (include "veche.fullname" .) "default") .Values.serviceAccount.name -}}
{{- end -}}

{{/* What separates the two can't be in a Kubernetes name: "a-b" in "c" and "a" in "b-c" are two. At most 64 characters. */}}
{{- define "veche.meshNamespace" -}}
{{- $whole := printf "%s_%s" (.Release.Name | replace "." "-") .Release.Namespace -}}
{{- $short := gt (len $whole) 64 | ternary (printf "%s-%s" (trunc 53 $whole) (sha256sum $whole | trunc 10)) $whole -}}
{{- default $short .Values.meshNamespace -}}
{{- end -}}

{{/* As text: whole numbers of a values file are floating point here, and would be printed as 1e+06. */}}
{{- define "veche.plain" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end -}}

{{- define "veche.image" -}}
{{- $hint := "image.repository is needed: push the image to a registry and name it, or load it with `kind load docker-image veche:0.1.0` or `minikube image load veche:0.1.0` and set image.repository=veche" -}}
{{- $repository := required $hint .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* Which services have which needs. A service that is not here has no Deployment. */}}
{{- define "veche.needs" -}}
api: { jwt: public }
auth: { mongodb: true, jwt: private }
chat: { mongodb: true }
imports: { mongodb: true }
photo: { mongodb: true, refresh: true }
posts: { mongodb: true, refresh: true }
rooms: { mongodb: true }
session: { mongodb: true, refresh: true }
social: { mongodb: true }
users: { mongodb: true, refresh: true }
{{- end -}}

{{/* A service's values over the shared ones. Takes (dict "root" $ "service" name); YAML. */}}
{{- define "veche.service" -}}
{{- $own := default dict (index .root.Values.services .service) -}}
{{- mustMergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) | toYaml -}}
{{- end -}}

{{/* How many pods it has at least; one on the volume of photos. */}}
{{- define "veche.minimum" -}}
{{- $service := include "veche.service" . | fromYaml -}}
{{- if and (eq .service "photo") (not .root.Values.photos.gcsBucket) -}}
1
{{- else -}}
{{ $service.autoscaling.enabled | ternary $service.autoscaling.minReplicas $service.replicas }}
{{- end -}}
{{- end -}}

{{- define "veche.natsBundled" -}}
{{- if not (or .Values.nats.externalUrl .Values.nats.externalSecret) -}}true{{- end -}}
{{- end -}}
{{- define "veche.mongodbBundled" -}}
{{- if not (or .Values.mongodb.externalUrl .Values.mongodb.externalSecret) -}}true{{- end -}}
{{- end -}}
{{- define "veche.redisBundled" -}}
{{- if not (or .Values.redis.externalUrl .Values.redis.externalSecret) -}}true{{- end -}}
{{- end -}}

{{- define "veche.streamReplicas" -}}
{{/* Nothing for a NATS of one's own: its streams stay as they are. */}}
{{- if not (kindIs "invalid" .Values.nats.streamReplicas) -}}
{{ .Values.nats.streamReplicas }}
{{- else if include "veche.natsBundled" . -}}
{{- ge (int .Values.nats.bundled.replicas) 3 | ternary 3 1 -}}
{{- end -}}
{{- end -}}

{{/* Stateful pods of a bundled server, with commas between: `<name>-0.<name>…`. Takes (dict "root" $ "name" … "replicas" … "port" … "before" …). */}}
{{- define "veche.members" -}}
{{- $members := list -}}
{{- range $i := until (int .replicas) -}}
{{- $members = append $members (printf "%s%s-%d.%s.%s.svc:%v" (default "" $.before) $.name $i $.name $.root.Release.Namespace $.port) -}}
{{- end -}}
{{- join "," $members -}}
{{- end -}}

{{/* Whom a bundled server may be reached by, and other peers in NetworkPolicies. Takes (dict "root" $ "components" list). */}}
{{- define "veche.peers" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ include "veche.name" .root }}
      app.kubernetes.io/instance: {{ .root.Release.Name }}
    matchExpressions:
      - { key: app.kubernetes.io/component, operator: In, values: {{ toJson .components }} }
{{- end -}}

{{/* What is wrong in a way that the schema of the values can't say. */}}
{{- define "veche.check" -}}
{{- $photo := include "veche.service" (dict "root" . "service" "photo") | fromYaml -}}
{{- if not .Values.photos.gcsBucket -}}
{{- if or (gt (int $photo.replicas) 1) (index (default dict .Values.services.photo) "autoscaling" | default dict).enabled -}}
{{- fail "services.photo can't have more than one replica while photos are on a volume: set photos.gcsBucket, or services.photo.replicas=1 without autoscaling" -}}
{{- end -}}
{{- end -}}
{{- if ne (empty .Values.secrets.jwtPrivateKeys) (empty .Values.secrets.jwtPublicKeys) -}}
{{- fail "secrets.jwtPrivateKeys and secrets.jwtPublicKeys go together: give both or none" -}}
{{- end -}}
{{- if .Values.secrets.requireExisting -}}
{{- range $name, $given := dict "secrets.refreshSecret" .Values.secrets.refreshSecret "secrets.jwtPrivateKeys" .Values.secrets.jwtPrivateKeys
  "nats.externalSecret" (coalesce .Values.nats.externalSecret .Values.nats.bundled.existingSecret)
  "mongodb.externalSecret" (coalesce .Values.mongodb.externalSecret .Values.mongodb.bundled.existingSecret)
  "redis.externalSecret" (coalesce .Values.redis.externalSecret .Values.redis.bundled.existingSecret) -}}
{{- if not $given -}}
{{- fail (printf "secrets.requireExisting is set, and %s names no secret" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.networkPolicy.enabled -}}
{{- range $server := list "nats" "mongodb" "redis" -}}
{{- if and (not (include (printf "veche.%sBundled" $server) $)) (not (index $.Values.networkPolicy (printf "%sCidrs" $server))) -}}
{{- fail (printf "networkPolicy.%sCidrs is needed: without it the NetworkPolicy shuts Veche off from the external %s" $server $server) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if ne (int .Values.mongodb.bundled.replicas) 1 -}}
{{- fail "mongodb.bundled.replicas is 1: the bundled MongoDB has one member. For more name a MongoDB of your own: mongodb.externalSecret" -}}
{{- end -}}
{{- include "veche.checkNats" . -}}
{{- range $name, $needs := include "veche.needs" . | fromYaml -}}
{{- $scaling := (include "veche.service" (dict "root" $ "service" $name) | fromYaml).autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- fail (printf "services.%s.autoscaling.minReplicas is %d, over its maxReplicas of %d" $name (int $scaling.minReplicas) (int $scaling.maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- with .Values.gateway -}}
{{- if and .ingress.enabled .ingress.tlsSecret (not .ingress.host) -}}
{{- fail "gateway.ingress.tlsSecret needs gateway.ingress.host: a certificate is for a host" -}}
{{- end -}}
{{- if and (or .service.loadBalancerClass .service.loadBalancerSourceRanges) (ne .service.type "LoadBalancer") -}}
{{- fail "gateway.service.loadBalancerClass and loadBalancerSourceRanges need gateway.service.type=LoadBalancer" -}}
{{- end -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "veche.fullname" .)) -}}
{{- fail (printf "%q can't begin the names of Services: a letter first, then a-z, 0-9 and -. Name the release so, or set fullnameOverride" (include "veche.fullname" .)) -}}
{{- end -}}
{{- end -}}

{{- define "veche.checkNats" -}}
{{- $nats := .Values.nats -}}
{{- $servers := int $nats.bundled.replicas -}}
{{- if and $nats.tlsClientCertificate (not $nats.tlsSecret) -}}
{{- fail "nats.tlsClientCertificate needs nats.tlsSecret, which has the certificate" -}}
{{- end -}}
{{- if include "veche.natsBundled" . -}}
{{- range $name := list "tlsSecret" "credsSecret" -}}
{{- if index $nats $name -}}
{{- fail (printf "nats.%s is for a NATS of your own: the bundled one has neither TLS nor credentials. Set nats.externalSecret, too" $name) -}}
{{- end -}}
{{- end -}}
{{- if eq $servers 2 -}}
{{- fail "nats.bundled.replicas is 1, or 3 and more: of two servers none can lose the other" -}}
{{- end -}}
{{- if gt (int (include "veche.streamReplicas" .)) $servers -}}
{{- fail (printf "nats.streamReplicas is %v, more than the bundled NATS has servers (nats.bundled.replicas=%d)" $nats.streamReplicas $servers) -}}
{{- end -}}
{{- /* One server alone keeps streams where a cluster doesn't look, and a cluster that loses members loses its majority. */}}
{{- $live := lookup "apps/v1" "StatefulSet" .Release.Namespace (printf "%s-nats" (include "veche.fullname" .)) | default dict -}}
{{- $was := int (dig "spec" "replicas" $servers $live) -}}
{{- if and (ne $was $servers) (or (eq $was 1) (lt $servers $was)) -}}
{{- fail (printf "nats.bundled.replicas is decided at the installation: from %d servers to %d all streams would be lost" $was $servers) -}}
{{- end -}}
{{- end -}}
{{- end -}}
