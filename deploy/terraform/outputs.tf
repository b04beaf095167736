output "balancer" {
  description = "Point the collectors' host name at this one."
  value       = aws_lb.main.dns_name
}

output "repository" {
  description = "Push the image here."
  value       = aws_ecr_repository.main.repository_url
}

output "warehouse" {
  description = "Environment variables of hirehouse and dbt."
  value       = local.warehouse
}

output "events" {
  description = "What collectors write to, and the loop reads."
  value       = local.events
}

output "keys_secret" {
  description = "Put the file of write keys here."
  value       = aws_secretsmanager_secret.keys.name
}

output "admin_secret" {
  description = "The password of the warehouse's administrator."
  value       = aws_redshiftserverless_namespace.main.admin_password_secret_arn
}

output "roles" {
  description = "Roles of the collector, of the loop and of COPY and UNLOAD, for services that run elsewhere."
  value = {
    collect = aws_iam_role.collect.arn
    run     = aws_iam_role.run.arn
    copy    = aws_iam_role.copy.arn
  }
}
