module paceline.dev/deploy/kubernetes-embedded/pause

go 1.25.0
