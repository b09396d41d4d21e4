{{- define "paceline-crds.labels" -}}
app.kubernetes.io/name: paceline-crds
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: crds
app.kubernetes.io/part-of: paceline
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: paceline-crds-{{ .Chart.Version }}
{{- end }}

{{- /* Kinds and the rights to them stay together: without the roles their users would lose sight of kept objects. */ -}}
{{- define "paceline-crds.annotations" -}}
{{- if .Values.keep -}}
helm.sh/resource-policy: keep
{{- end }}
{{- end }}
