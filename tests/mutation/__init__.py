"""Mutation testing of the domain: small mistakes are made in its functions, one at a time; do its tests find them?"""
