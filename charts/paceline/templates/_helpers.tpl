{{- define "paceline.name" -}}
{{- default "paceline" .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* The release's name, with the chart's name where it does not contain it. */ -}}
{{- define "paceline.fullname" -}}
{{- $name := include "paceline.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "paceline.operator" -}}
{{ include "paceline.fullname" . }}-operator
{{- end }}

{{- /* Names of cluster-scoped objects hold the release namespace, so that releases in two namespaces do not collide. */ -}}
{{- define "paceline.clusterName" -}}
{{ .Release.Namespace }}:{{ include "paceline.operator" . }}
{{- end }}

{{- define "paceline.ledger" -}}
{{ include "paceline.fullname" . }}-ledger
{{- end }}

{{- define "paceline.ledgerSelectorLabels" -}}
app.kubernetes.io/name: {{ include "paceline.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: ledger
{{- end }}

{{- define "paceline.ledgerLabels" -}}
{{ include "paceline.ledgerSelectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: paceline
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "paceline.tlsSecret" -}}
{{- default (printf "%s-tls" (include "paceline.fullname" .)) .Values.gateway.tls.secretName }}
{{- end }}

{{- define "paceline.serviceAccount" -}}
{{- default (include "paceline.operator" .) .Values.serviceAccount.name }}
{{- end }}

{{- /* What selectors use: these three can never change. */ -}}
{{- define "paceline.selectorLabels" -}}
app.kubernetes.io/name: {{ include "paceline.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- /* Labels of pods leave the chart's version out, so that a release of the chart alone restarts nothing. */ -}}
{{- define "paceline.podLabels" -}}
{{ include "paceline.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: paceline
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "paceline.labels" -}}
{{ include "paceline.podLabels" . }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "paceline.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry }}
{{- $name := ternary .Values.image.repository (printf "%s/%s" $registry .Values.image.repository) (empty $registry) }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- /* Namespaces that get a Role, as a JSON list: none in mode Cluster, where a ClusterRole covers them. */ -}}
{{- define "paceline.namespaces" -}}
{{- if eq .Values.watch.mode "Cluster" }}
{{- list | toJson }}
{{- else }}
{{- $namespaces := concat (.Values.watch.namespaces | default list) (.Values.watch.createNamespaces | default list) | uniq | sortAlpha }}
{{- if not $namespaces }}
{{- fail "watch.namespaces is empty: name at least one namespace, or set watch.mode=Cluster" }}
{{- end }}
{{- $namespaces | toJson }}
{{- end }}
{{- end }}

{{- /* Namespaces whose Secrets the operator may read, as a JSON list: those named, or in mode Namespaced the watched ones whose rights the chart grants. */ -}}
{{- define "paceline.keyNamespaces" -}}
{{- $namespaces := list }}
{{- if .Values.gateway.enabled }}
{{- $namespaces = .Values.gateway.keyNamespaces }}
{{- if and (not $namespaces) .Values.rbac.watchedNamespaces }}
{{- $namespaces = include "paceline.namespaces" . | fromJsonArray }}
{{- end }}
{{- end }}
{{- $namespaces | uniq | sortAlpha | toJson }}
{{- end }}

{{- /* The part of the configuration that is read at the start only. Its digest is an annotation of the pods, so that a change restarts
them. Everything else, profiles above all, is reloaded by the running operator and must not restart it. */ -}}
{{- define "paceline.startConfig" -}}
watch:
  mode: {{ .Values.watch.mode }}
  namespaces: {{ include "paceline.namespaces" . }}
leaderElection:
  leaseName: {{ include "paceline.operator" . }}
  leaseNamespace: {{ .Release.Namespace }}
  leaseDurationSeconds: {{ .Values.leaderElection.leaseDurationSeconds }}
  renewDeadlineSeconds: {{ .Values.leaderElection.renewDeadlineSeconds }}
  retryPeriodSeconds: {{ .Values.leaderElection.retryPeriodSeconds }}
server:
  host: 0.0.0.0
  metricsPort: 8080
  healthPort: 8081
  agentsPort: {{ .Values.service.agentsPort }}
{{- end }}

{{- /* Helm drops a null together with the default that it removes, but not from values kept by an upgrade: so nulls are dropped here. */ -}}
{{- define "paceline.profiles" -}}
{{- $profiles := list }}
{{- range $name, $profile := .Values.profiles }}
{{- if $profile }}
{{- $selector := dict }}
{{- range $label, $value := $profile.nodeSelector }}
{{- if kindIs "string" $value }}
{{- $_ := set $selector $label $value }}
{{- end }}
{{- end }}
{{- $profiles = append $profiles (merge (dict "name" $name "nodeSelector" $selector) (omit $profile "nodeSelector")) }}
{{- end }}
{{- end }}
{{- toYaml $profiles }}
{{- end }}

{{- /* Pod Security "restricted", and a root file system that cannot be written. */ -}}
{{- define "paceline.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "paceline.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
